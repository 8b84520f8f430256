"""Ingestion, beside the raw bulk load of the same files on the same schema, on SQLite and on PostgreSQL.

And back again: the ratings as arrays, as a training reads them.
"""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from benchmarks.raw_loads import load_postgres, load_sqlite
from benchmarks.workbench import KINDS, Workbench
from server.backend.config import Settings
from server.backend.session import Database
from server.etl.loader import load
from server.etl.movielens import open_source
from server.services.training import TrainingDataManager

HEADER = ("", "s", "ratings/s", "of raw", "peak MB")


class Cost(NamedTuple):
    """What a load took in a process of its own: that the peak of its memory is."""

    seconds: float
    peak_mb: float


def run(bench: Workbench) -> None:
    """Show seconds, ratings a second, the ratio to the raw load and the peak of the client's memory."""
    with open_source(bench.source) as source:
        ratings = sum(batch.read for batch in source.ratings())
    rows: list[tuple[object, ...]] = []
    readings: list[tuple[object, ...]] = []
    for kind in KINDS:
        with bench.scratch(kind) as settings:
            raw = _measure(load_raw, bench.source, settings)
        with bench.scratch(kind) as settings:
            ours = _measure(load_with_matinee, bench.source, settings)
            again = _measure(load_with_matinee, bench.source, settings)
            reading = _measure(read_for_training, bench.source, settings)
        readings.append((kind, reading.seconds, f"{ratings / reading.seconds:,.0f}", f"{reading.peak_mb:.0f}"))
        costs = {"raw bulk load": raw, "Matinee": ours, "Matinee, the same again": again}
        rows += [
            (
                f"{kind}: {name}",
                cost.seconds,
                f"{ratings / cost.seconds:,.0f}",
                cost.seconds / raw.seconds,
                f"{cost.peak_mb:.0f}",
            )
            for name, cost in costs.items()
        ]
    bench.show(f"Ingestion of {ratings:,} ratings", HEADER, rows)
    bench.show(f"Reading {ratings:,} ratings for a training", ("", "s", "ratings/s", "peak MB"), readings)


def load_raw(source: Path, settings: Settings) -> None:
    """Load as fast as the database can."""
    if settings.sqlite_file is not None:
        load_sqlite(source, settings.sqlite_file)
    else:
        load_postgres(source, settings.database_url)


def load_with_matinee(source: Path, settings: Settings) -> None:
    """Load as ``matinee ingest`` does."""
    database = Database(settings)
    with open_source(source) as opened:
        load(opened, database, name="benchmark")
    database.dispose()


def read_for_training(_source: Path, settings: Settings) -> None:
    """Read all ratings into arrays."""
    database = Database(settings)
    with database.transaction(writes=False) as session:
        TrainingDataManager(session).read_ratings()
    database.dispose()


def _measure(load_source: Callable[[Path, Settings], None], source: Path, settings: Settings) -> Cost:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_time, load_source, source, settings).result()


def _time(load_source: Callable[[Path, Settings], None], source: Path, settings: Settings) -> Cost:
    started = time.perf_counter()
    load_source(source, settings)
    return Cost(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
