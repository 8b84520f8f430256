"""The workbench of the benchmarks: databases with data, and tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import URL, func, select

from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database
from server.etl.load.loader import load
from server.etl.movielens.source import open_source
from server.models import MovieStatistics
from server.services.live.catalogue import store_index
from tests.support import postgres

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


class Workbench:
    """A source, a folder for its databases, and a PostgreSQL server for benchmarks that need one."""

    def __init__(self, source: Path, folder: Path, server: URL | None = None) -> None:
        self.source = source
        self.folder = folder
        self.server = server
        self.settings = self._settings(f"sqlite:///{folder}/matinee.db")
        self.shown: list[str] = []
        """The tables printed so far, in Markdown."""
        self._is_loaded = False

    @contextmanager
    def scratch(self, kind: str) -> Iterator[Settings]:
        """Create a database with empty tables, on `SQLITE` or `POSTGRESQL`; it is dropped at the end."""
        if kind == SQLITE:
            with TemporaryDirectory(dir=self.folder) as folder:
                yield _prepared(self._settings(f"sqlite:///{folder}/matinee.db"))
            return
        assert self.server is not None  # noqa: S101 (for the type checker: main starts one)
        with postgres.database(self.server, f"bench_{uuid4().hex[:8]}") as url:
            yield _prepared(self._settings(url.render_as_string(hide_password=False)))

    @contextmanager
    def loaded(self, kind: str) -> Iterator[Settings]:
        """Create a database that contains the source; that of `SQLITE` is created once and shared by all benchmarks."""
        if kind == SQLITE:
            with self.loaded_database():
                yield self.settings
            return
        with self.scratch(kind) as settings:
            database = Database(settings)
            self._load_into(database)
            database.dispose()
            yield settings

    @contextmanager
    def loaded_database(self) -> Iterator[Database]:
        """Open the shared database, with the source loaded."""
        database = Database(self.settings)
        try:
            if not self._is_loaded:
                schema.prepare(database)
                self._load_into(database)
                self._is_loaded = True
            yield database
        finally:
            database.dispose()

    def show(self, title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table and keep it."""
        print_table(title, header, rows)
        lines = [header, [":--", *["--:"] * (len(header) - 1)], *([_written(cell) for cell in row] for row in rows)]
        self.shown.append("\n".join([f"{title}:", "", *(f"| {' | '.join(line)} |" for line in lines)]))

    def _settings(self, database_url: str) -> Settings:
        return Settings(
            _env_file=None, database_url=database_url, model_store=str(self.folder / "models"), log_level="error"
        )

    def _load_into(self, database: Database) -> None:
        """Load the source, as ``matinee ingest`` does."""
        with open_source(self.source) as source:
            load(source, database, name="benchmark")
        store_index(database)


def size_of(database: Database) -> str:
    """Return the numbers of ratings and movies as text."""
    with database.transaction(writes=False) as session:
        movies, ratings = session.execute(select(func.count(), func.sum(MovieStatistics.rating_count))).one()
    return f"{ratings:,} ratings of {movies:,} movies"


def _prepared(settings: Settings) -> Settings:
    database = Database(settings)
    schema.prepare(database)
    database.dispose()
    return settings


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table with numbers aligned right."""
    table = Table(*header, title=title, title_justify="left", box=None, header_style="bold", title_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*(_written(cell) for cell in row))
    console = Console(highlight=False, width=120)
    console.print(table)
    console.print()


def _written(cell: object) -> str:
    return f"{cell:,.2f}" if isinstance(cell, float) else f"{cell}"


def percentiles_ms(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return median, 99th percentile and maximum of durations, in milliseconds."""
    p50, p99, largest = np.percentile(np.array(seconds) * 1000, [50, 99, 100])
    return float(p50), float(p99), float(largest)
