"""Trainings on a cluster: Spark's workers sum up the parts of an export with the same code as a local training.

Every task reads whole parts of the export with NumPy and pyarrow. The sums of the tasks are added up on the cluster,
block by block, and only the totals reach the driver, which does everything else.
"""

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from server.command_errors import SparkError
from server.recommender.data.interactions import Arrays, Interactions, Kernel, Source, Step, UserColumns
from server.services.training.export_source import ExportSource

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BLOCK_BYTES = 8_000_000
"""Bytes of an array in a row, about."""

COLLECTED_BYTES = 100_000_000
"""Sums of all tasks up to this size are added up in the driver."""

FEWEST_PARTITIONS = 8
"""A task may return at most 2 GB, and all totals together may be larger."""

ROWS_PER_BATCH = 16
"""Rows that Spark passes to Python at a time; a row holds a block of an array."""

DEFAULTS = {
    "spark.driver.maxResultSize": "0",
    "spark.driver.memory": "4g",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(ROWS_PER_BATCH),
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
LOOPBACK = "127.0.0.1"
LOCAL_DEFAULTS = {"spark.driver.bindAddress": LOOPBACK, "spark.driver.host": LOOPBACK}

Batches = Iterator[Any]
"""Record batches of pyarrow, which has no types."""

BLOCKS = "array int, block int, task int, content binary"


@contextmanager
def open_session(master: str) -> Iterator["SparkSession"]:
    """Start Spark for a block. Raise `SparkError` if it, Java or the cluster is missing."""
    try:
        # Of the extra `spark`.
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError:
        raise SparkError("The engine spark needs the extra spark: pip install 'matinee[spark]'") from None
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise SparkError("The engine spark needs Java 17 or newer. Install it, or set JAVA_HOME.")
    # Otherwise workers run the first python3 on PATH, without our libraries.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", LOOPBACK)
    builder: Any = SparkSession.builder
    builder = builder.master(master).appName("matinee")
    for name, value in (DEFAULTS | (LOCAL_DEFAULTS if master.startswith("local") else {})).items():
        builder = builder.config(name, value)
    try:
        session: SparkSession = builder.getOrCreate()
    except Exception as error:
        raise SparkError(f"Spark cannot be started on {master!r}: {_reason(error)}") from error
    try:
        session.sparkContext.setLogLevel("ERROR")
        yield session
    finally:
        session.stop()


class SparkSource(Source):
    """The ratings of an export, read by the workers of a cluster whenever they are summed up."""

    def __init__(self, session: "SparkSession", export: ExportSource) -> None:
        self.movie_ids = export.movie_ids
        self._session = session
        self._export = export

    def total(self, kernel: Kernel) -> Arrays:
        """Sum up on the cluster, and collect the totals."""
        totals = kernel.zeros()
        with _reporting_failures():
            sums = self._map(partial(_sum_parts, self._export, kernel))
            if self._n_tasks * sum(array.nbytes for array in totals) > COLLECTED_BYTES:
                sums = self._add_on_cluster(sums, [array.dtype.str for array in totals])
            for row in _rows(sums):
                array = totals[row["array"]].reshape(-1)
                values = np.frombuffer(row["content"], array.dtype)
                start = row["block"] * _block_length(array)
                array[start : start + values.size] += values
        return totals

    def _add_on_cluster(self, sums: "DataFrame", dtypes: list[str]) -> "DataFrame":
        """Add up the tasks' blocks, in the same order every time, because that decides how sums are rounded."""
        n_partitions = max(FEWEST_PARTITIONS, self._session.sparkContext.defaultParallelism)
        in_order = sums.repartition(n_partitions, "array", "block").sortWithinPartitions("array", "block", "task")
        return in_order.mapInArrow(partial(_add_tasks, dtypes), BLOCKS)

    def per_user(self, columns: UserColumns) -> NDArray[np.int64]:
        """Collect the columns from the workers."""
        none = Interactions.empty(self.movie_ids).per_user(columns)
        with _reporting_failures():
            rows = _rows(self._map(partial(_describe_users, self._export, columns)))
        parts = [np.frombuffer(row["content"], np.int64).reshape(len(none), -1) for row in rows]
        table = np.concatenate([none, *parts], axis=1)
        return table[:, np.argsort(table[0])]

    def read_users(self, user_ids: NDArray[np.int64]) -> Interactions:
        """Collect the users from the workers."""
        with _reporting_failures():
            rows = _rows(self._map(partial(_find_users, self._export, user_ids)))
        parts = [_unpack(row["content"], self.movie_ids) for row in rows]
        together = Interactions.concatenate([Interactions.empty(self.movie_ids), *parts])
        return together.select_users(np.argsort(together.user_ids))

    def derive(self, step: Step) -> Source:
        """Let the workers take the step whenever they read."""
        return SparkSource(self._session, self._export.derive(step))

    def in_memory(self) -> Interactions:
        """Read all ratings in the driver."""
        return self._export.in_memory()

    def _map(self, function: Callable[[Batches], Batches]) -> "DataFrame":
        """Apply a function to the numbers of the parts, in the order of the tasks."""
        return self._session.range(0, len(self._export.parts), 1, self._n_tasks).mapInArrow(function, BLOCKS)

    @property
    def _n_tasks(self) -> int:
        """The number of tasks: as many as the cluster runs at a time, because each sends all its sums."""
        at_a_time: int = self._session.sparkContext.defaultParallelism
        return max(1, min(len(self._export.parts), at_a_time))


def _sum_parts(export: ExportSource, kernel: Kernel, batches: Batches) -> Batches:
    """Sum up the parts of a task, and yield the sums block by block."""
    numbers = _numbers(batches)
    if not numbers:
        return
    for place, array in enumerate(export.only(numbers).total(kernel)):
        flat = np.ascontiguousarray(array).reshape(-1)
        length = _block_length(flat)
        for block, start in enumerate(range(0, flat.size, length)):
            yield _row(place, block, numbers[0], flat[start : start + length].tobytes())


def _add_tasks(dtypes: list[str], batches: Batches) -> Batches:
    """Add up blocks that come in order, one after the other."""
    key: tuple[int, int] | None = None
    total: NDArray[Any] = np.empty(0)
    for batch in batches:
        for row in batch.to_pylist():
            values = np.frombuffer(row["content"], dtypes[row["array"]])
            if key == (row["array"], row["block"]):
                total += values
                continue
            if key is not None:
                yield _row(*key, 0, total.tobytes())
            key, total = (row["array"], row["block"]), values.copy()
    if key is not None:
        yield _row(*key, 0, total.tobytes())


def _describe_users(export: ExportSource, columns: UserColumns, batches: Batches) -> Batches:
    for number in _numbers(batches):
        table = export.only([number]).per_user(columns)
        yield _row(0, 0, number, np.ascontiguousarray(table).tobytes())


def _find_users(export: ExportSource, user_ids: NDArray[np.int64], batches: Batches) -> Batches:
    for number in _numbers(batches):
        found = export.only([number]).read_users(user_ids)
        yield _row(0, 0, number, _pack(found))


def _numbers(batches: Batches) -> list[int]:
    """Return the numbers of the parts of a task."""
    return [number for batch in batches for number in batch.column("id").to_pylist()]


def _row(array: int, block: int, task: int, content: bytes) -> Any:  # noqa: ANN401 (pyarrow has no types)
    import pyarrow as arrow  # noqa: PLC0415 (of the extra)

    columns = [arrow.array([number], arrow.int32()) for number in (array, block, task)]
    names = ["array", "block", "task", "content"]
    return arrow.RecordBatch.from_arrays([*columns, arrow.array([content], arrow.binary())], names)


def _rows(frame: "DataFrame") -> Iterator[dict[str, Any]]:
    """Yield the rows of a frame in the driver, one at a time."""
    for batch in frame.toArrow().to_batches():
        for place in range(batch.num_rows):
            yield batch.slice(place, 1).to_pylist()[0]


def _block_length(array: NDArray[Any]) -> int:
    return BLOCK_BYTES // array.itemsize


COLUMNS = ("offsets", "items", "stars", "rated_at", "user_ids")


def _pack(interactions: Interactions) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{name: getattr(interactions, name) for name in COLUMNS})
    return buffer.getvalue()


def _unpack(content: bytes, movie_ids: NDArray[np.int64]) -> Interactions:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Interactions(movie_ids, *(arrays[name] for name in COLUMNS))


@contextmanager
def _reporting_failures() -> Iterator[None]:
    """Raise `SparkError` with the reason of a failed job."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"py4j", "pyspark"}:
            raise
        raise SparkError(f"A job of Spark failed: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the line of a long text that names the error of a worker, else the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    named = [line for line in lines if line.startswith("server.") and "Error: " in line]
    return (named[-1].partition(": ")[2] if named else lines[0]).rstrip(".") + "."
