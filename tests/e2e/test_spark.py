"""A training on Spark, in an environment of its own with PySpark, makes the model of a local training."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import generated
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.recommender import artifact
from server.recommender.model import TrainedModel
from server.schemas.base import Paging
from server.services.model_versions import ModelVersionDataManager

SPARK_MATINEE = Path(__file__).parents[2] / ".venv-spark" / "bin" / "matinee"
# Spark sums up ratings, so those are many. Users, movies and weights are work of the driver in both engines, so
# those are few.
N_RATINGS = 1_000_000
RATINGS_PER_USER, N_MOVIES, MODEL_MEMORY_MB = 500, 3_000, 1

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed: Spark needs it.")
needs_pyspark = pytest.mark.skipif(not SPARK_MATINEE.exists(), reason="PySpark is installed by `make test`.")


def run(settings: Settings, *words: str | Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
    environment |= {
        "MATINEE_DATABASE_URL": settings.database_url,
        "MATINEE_MODEL_STORE": settings.model_store,
        "MATINEE_MODEL_MEMORY_MB": str(MODEL_MEMORY_MB),
    }
    done = subprocess.run(
        [SPARK_MATINEE, *map(str, words)], check=False, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def newest_models(settings: Settings) -> tuple[TrainedModel, TrainedModel]:
    """Return the newest model and the one before it."""
    database, store = Database(settings), ModelStore(settings.model_store)
    with database.transaction(writes=False) as session:
        versions = ModelVersionDataManager(session)
        names = [versions.get_artifact(version.version) for version in versions.list_page(Paging(limit=2))]
    database.dispose()
    newest, other = (artifact.load(store.opener(name)) for name in names)
    return newest, other


def flatten(value: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 (nested settings)
    """Return the numbers of nested settings by their path."""
    parts: Iterable[tuple[Any, Any]]
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = enumerate(value)
    else:
        return {path: value}
    return {name: leaf for key, each in parts for name, leaf in flatten(each, f"{path}/{key}").items()}


def assert_same_weights(*models: dict[str, NDArray[Any]]) -> None:
    """Check the weights that both models keep. Rounding may decide which is the weakest that is kept."""
    ours, local = (np.zeros((len(arrays["columns"]), len(arrays["columns"]))) for arrays in models)
    for matrix, arrays in zip((ours, local), models, strict=True):
        np.put_along_axis(matrix, arrays.pop("columns"), arrays.pop("weights"), axis=1)
    in_both = (ours != 0) & (local != 0)
    np.testing.assert_allclose(ours[in_both], local[in_both], atol=1e-4)
    assert np.count_nonzero(in_both) > 0.999 * np.count_nonzero(local)


@needs_java
@needs_pyspark
def test_spark_trains_the_model_of_a_local_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        _env_file=None,
        database_url=f"sqlite:///{tmp_path / 'matinee.db'}",
        model_store=str(tmp_path / "models"),
    )
    export = tmp_path / "export"
    monkeypatch.setattr(generated, "RATINGS_PER_USER", RATINGS_PER_USER)
    generated.write_export(export, ratings=N_RATINGS, movies=N_MOVIES)

    run(settings, "db", "upgrade")
    run(settings, "train", "--from", export)
    started = time.monotonic()
    run(settings, "train", "--from", export, "--engine", "spark", "--master", "local[2]", "--activate")
    print(f"Spark trained on {N_RATINGS:,} ratings in {time.monotonic() - started:.0f} s.")  # noqa: T201 (for -s)

    ours, local = newest_models(settings)
    assert ours.card.data == local.card.data
    ours_settings, local_settings = dict(ours.card.parameters), dict(local.card.parameters)
    # The second stage is fitted to scores, in steps that rounding can end sooner or later.
    second_stage = flatten(local_settings.pop("reranker"))
    assert flatten(ours_settings.pop("reranker")) == pytest.approx(second_stage, abs=0.01)
    assert flatten(ours_settings) == pytest.approx(flatten(local_settings), abs=1e-4)
    arrays, local_arrays = ours.algorithm.arrays(), local.algorithm.arrays()
    assert_same_weights(arrays, local_arrays)
    # Of two that are equally similar, rounding decides which is first.
    assert np.mean(arrays.pop("neighbours") == local_arrays.pop("neighbours")) > 0.99
    for name, array in arrays.items():
        # A factor of the tail is one of 255 steps, a similarity has half precision: rounding may choose the next.
        tolerance = {"int8": 1, "float16": 2e-3}.get(array.dtype.name, 1e-4)
        np.testing.assert_allclose(array, local_arrays[name], atol=tolerance, err_msg=name)
