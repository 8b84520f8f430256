"""Compare an ingestion with the raw bulk load of the same files, and read the ratings as a training does."""

from pathlib import Path

from benchmarks.processes import measure
from benchmarks.raw_loads import load_postgres, load_sqlite
from benchmarks.workbench import Workbench
from server.backend.config import Settings
from server.backend.database import Database
from server.etl.load.loader import load
from server.etl.movielens.source import open_source
from server.services.training.ratings_reader import RatingsReader

HEADER = ("", "s", "ratings/s", "of raw", "peak MB")


def run(bench: Workbench, *, kind: str) -> None:
    """Print seconds, ratings per second, the ratio to the raw load and the peak memory of the client."""
    with open_source(bench.source) as source:
        ratings = sum(batch.read for batch in source.ratings())
    with bench.scratch(kind) as settings:
        raw = measure(load_raw, bench.source, settings)
    with bench.scratch(kind) as settings:
        ours = measure(load_with_matinee, bench.source, settings)
        again = measure(load_with_matinee, bench.source, settings)
        reading = measure(read_for_training, bench.source, settings)
    costs = {"raw bulk load": raw, "Matinee": ours, "the same again": again, "read for a training": reading}
    rows = [
        (name, cost.seconds, f"{ratings / cost.seconds:,.0f}", cost.seconds / raw.seconds, f"{cost.peak_mb:.0f}")
        for name, cost in costs.items()
    ]
    bench.show(f"{ratings:,} ratings into {kind}, and back as arrays", HEADER, rows)


def load_raw(source: Path, settings: Settings) -> None:
    """Load at the speed of the database."""
    if settings.sqlite_file is not None:
        load_sqlite(source, settings.sqlite_file)
    else:
        load_postgres(source, settings.database_url)


def load_with_matinee(source: Path, settings: Settings) -> None:
    """Load like ``matinee ingest``."""
    database = Database(settings)
    with open_source(source) as opened:
        load(opened, database, name="benchmark")
    database.dispose()


def read_for_training(_source: Path, settings: Settings) -> None:
    """Read all ratings into arrays."""
    database = Database(settings)
    with database.transaction(writes=False) as session:
        RatingsReader(session).read_ratings()
    database.dispose()
