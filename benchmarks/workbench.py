"""What the benchmarks share: data loaded into databases of their own, and tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import URL

from server.backend import schema
from server.backend.config import Settings
from server.backend.session import Database
from server.etl.loader import LoadReport, load
from server.etl.movielens import open_source
from tests import postgres

SQLITE, POSTGRESQL = KINDS = ("SQLite", "PostgreSQL")


class Workbench:
    """A source, a folder for what is made from it, and a PostgreSQL server for those who measure on one, too."""

    def __init__(self, source: Path, folder: Path, server: URL | None = None) -> None:
        self.source = source
        self.folder = folder
        self.server = server
        self.settings = self._settings(f"sqlite:///{folder}/matinee.db")
        self.shown: list[str] = []
        """The tables that were shown, in Markdown."""

    @contextmanager
    def scratch(self, kind: str) -> Iterator[Settings]:
        """Make a database of one of `KINDS`, with tables and nothing in them; it is dropped in the end."""
        if kind == SQLITE:
            with TemporaryDirectory(dir=self.folder) as folder:
                yield _prepared(self._settings(f"sqlite:///{folder}/matinee.db"))
            return
        assert self.server is not None  # noqa: S101 (for the type checker: main starts one)
        with postgres.database(self.server, f"bench_{uuid4().hex[:8]}") as url:
            yield _prepared(self._settings(url.render_as_string(hide_password=False)))

    @contextmanager
    def empty_database(self) -> Iterator[Database]:
        """Open a database with tables and nothing in them."""
        database = Database(self.settings)
        try:
            schema.prepare(database)
            yield database
        finally:
            database.dispose()

    @contextmanager
    def loaded_database(self) -> Iterator[Database]:
        """Open a database with the source in it."""
        with self.empty_database() as database:
            self.load_into(database)
            yield database

    def show(self, title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table and keep it."""
        print_table(title, header, rows)
        lines = [header, [":--", *["--:"] * (len(header) - 1)], *([_written(cell) for cell in row] for row in rows)]
        self.shown.append("\n".join([f"{title}:", "", *(f"| {' | '.join(line)} |" for line in lines)]))

    def _settings(self, database_url: str) -> Settings:
        return Settings(
            _env_file=None, database_url=database_url, model_store=str(self.folder / "models"), log_level="error"
        )

    def load_into(self, database: Database) -> LoadReport:
        """Ingest the source."""
        with open_source(self.source) as source:
            return load(source, database, name="benchmark")


def _prepared(settings: Settings) -> Settings:
    database = Database(settings)
    schema.prepare(database)
    database.dispose()
    return settings


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers to the right."""
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
    """Give the median, the 99th percentile and the largest of some durations, in milliseconds."""
    p50, p99, largest = np.percentile(np.array(seconds) * 1000, [50, 99, 100])
    return float(p50), float(p99), float(largest)
