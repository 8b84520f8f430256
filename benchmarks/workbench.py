"""What the benchmarks share: data loaded into a database of their own, and tables."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from server.backend import schema
from server.backend.config import Settings
from server.backend.session import Database
from server.etl.loader import LoadReport, load
from server.etl.movielens import open_source


class Workbench:
    """A source, and a folder for what is made from it."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source = source
        self.folder = folder
        self.settings = Settings(
            _env_file=None,
            database_url=f"sqlite:///{folder}/matinee.db",
            model_store=str(folder / "models"),
            log_level="error",
        )

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

    def load_into(self, database: Database) -> LoadReport:
        """Ingest the source."""
        with open_source(self.source) as source:
            return load(source, database, name="benchmark")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers to the right."""
    table = Table(*header, title=title, title_justify="left", box=None, header_style="bold", title_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*(f"{cell:,.2f}" if isinstance(cell, float) else f"{cell}" for cell in row))
    console = Console(highlight=False, width=120)
    console.print(table)
    console.print()


def percentiles_ms(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Give the median, the 99th percentile and the largest of some durations, in milliseconds."""
    p50, p99, largest = np.percentile(np.array(seconds) * 1000, [50, 99, 100])
    return float(p50), float(p99), float(largest)
