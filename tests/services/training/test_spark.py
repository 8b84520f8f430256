"""The parts of a training on Spark that need neither Java nor a cluster; ``tests/e2e/test_spark.py`` runs one."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from server.backend.database import Database
from server.command_errors import ExportError, SparkError
from server.recommender.algorithms.ease import statistics
from server.recommender.algorithms.ease.scoring import EaseConfig
from server.recommender.algorithms.ease.statistics import CooccurrenceStatistics, NextStatistics
from server.recommender.data import user_order
from server.recommender.data.holdouts import Holdouts
from server.recommender.data.splits import temporal_split
from server.services.training import dataset as dataset_module
from server.services.training import spark as module
from server.services.training.dataset import Dataset
from server.services.training.export import export_ratings
from server.services.training.export_source import ExportSource
from server.services.training.spark import SparkSource, open_session


class FakeFrame:
    """Record batches in partitions, with the methods of a Spark frame that we call."""

    def __init__(self, partitions: list[list[Any]]) -> None:
        self.partitions = partitions

    def mapInArrow(self, function: Callable[[Iterator[Any]], Iterator[Any]], _schema: str) -> "FakeFrame":  # noqa: N802 (as Spark has it)
        return FakeFrame([list(function(iter(batches))) for batches in self.partitions])

    def repartition(self, n: int, *columns: str) -> "FakeFrame":
        groups: list[list[Any]] = [[] for _ in range(n)]
        for batch in [batch for batches in self.partitions for batch in batches]:
            groups[hash(tuple(batch.column(name)[0].as_py() for name in columns)) % n].append(batch)
        return FakeFrame(groups)

    def sortWithinPartitions(self, *columns: str) -> "FakeFrame":  # noqa: N802 (as above)
        key = lambda batch: [batch.column(name)[0].as_py() for name in columns]  # noqa: E731
        return FakeFrame([sorted(batches, key=key) for batches in self.partitions])

    def toArrow(self) -> Any:  # noqa: ANN401, N802 (as above)
        batches = [batch for batches in self.partitions for batch in batches]
        return pa.Table.from_batches(batches) if batches else pa.table({})


class FakeSession:
    """A cluster of three tasks at a time."""

    @property
    def sparkContext(self) -> "FakeSession":  # noqa: N802 (as above)
        return self

    defaultParallelism = 3  # noqa: N815 (as above)

    def range(self, start: int, end: int, _step: int, n: int) -> FakeFrame:
        numbers = np.array_split(np.arange(start, end), n)
        return FakeFrame([[pa.record_batch({"id": part})] for part in numbers])


@pytest.fixture
def export(tastes: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExportSource:
    """An export in many parts, whose sums are cut into many blocks."""
    monkeypatch.setattr(user_order, "PIECE_RATINGS", 40)
    monkeypatch.setattr(dataset_module, "PART_RATINGS", 80)
    # A matrix is two blocks, and the counts of periods, which have four million bytes, are not ten thousand.
    monkeypatch.setattr(module, "BLOCK_BYTES", 3000)
    manifest = export_ratings(tastes, Dataset(str(tmp_path / "export")), lambda *_: None)
    catalogue = Dataset(str(tmp_path / "export")).read_catalogue(manifest)
    assert len(manifest.parts) > 5
    return ExportSource(str(tmp_path / "export"), manifest.parts, catalogue.movie_ids)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("collected_bytes", [0, 10**9], ids=["added on the cluster", "added in the driver"])
def test_sums_of_tasks_are_the_sums_of_all(
    export: ExportSource, collected_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COLLECTED_BYTES", collected_bytes)
    monkeypatch.setattr(statistics, "CUTS", (0.4, 0.8))
    spark: Any = SparkSource(FakeSession(), export)
    local = export.in_memory()

    ours, theirs = (Holdouts.of(source, temporal_split, seed=1) for source in (spark, local))
    items = np.arange(export.n_items)
    for ours_of_fit, theirs_of_fit in ((ours.rest, theirs.rest), (spark, local)):
        for kind in (CooccurrenceStatistics, NextStatistics):
            sums, expected = (
                vars(kind.gather(source, items, EaseConfig(max_next_users=20)))
                for source in (ours_of_fit, theirs_of_fit)
            )
            for name, array in expected.items():
                np.testing.assert_allclose(sums[name], array, atol=1e-4, err_msg=name)

    assert np.array_equal(ours.new_users.items, theirs.new_users.items)
    assert np.array_equal(ours.split.held_out.items, theirs.split.held_out.items)
    assert np.array_equal(ours.session.known.rated_at, theirs.session.known.rated_at)
    assert spark.time_quantile(0.5) == local.time_quantile(0.5)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_that_cannot_read_its_part_names_it(export: ExportSource) -> None:
    Path(export.url, export.parts[3].file).unlink()

    with pytest.raises(ExportError, match=r"cannot be read: No such file or directory\."):
        export.only([3]).in_memory()
    assert export.only([2]).in_memory().items.size == export.parts[2].ratings


@pytest.mark.parametrize(
    ("installed", "sentence"),
    [
        ([], r"The engine spark needs the extra spark: pip install 'matinee\[spark\]'"),
        (["pyspark", "pyspark.sql"], r"The engine spark needs Java 17 or newer\. Install it, or set JAVA_HOME\."),
    ],
    ids=["no PySpark", "no Java"],
)
def test_a_missing_program_is_named(
    installed: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pyspark", "pyspark.sql"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in installed:
        library: Any = ModuleType(name)
        library.SparkSession = None
        monkeypatch.setitem(sys.modules, name, library)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(SparkError, match=sentence), open_session("local[2]"):
        pass


def test_the_error_of_a_worker_is_found_in_its_traceback() -> None:
    text = "An exception was thrown:\nTraceback\n  File x\nserver.command_errors.ExportError: It is gone.\n\tat org.x"

    reasons = [module._reason(Exception(each)) for each in (text, "Connection refused", "")]

    assert reasons == ["It is gone.", "Connection refused.", "Exception."]
