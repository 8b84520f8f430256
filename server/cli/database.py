"""The database that commands work on."""

from collections.abc import Iterator
from contextlib import contextmanager

from server.backend import logging
from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database


@contextmanager
def open_database(settings: Settings | None = None) -> Iterator[Database]:
    """Open the database that the settings name for the length of a block; an empty one gets its tables first."""
    settings = settings or Settings.load()
    logging.configure(settings.log_level, settings.log_format)
    database = Database(settings)
    try:
        schema.prepare(database)
        yield database
    finally:
        database.dispose()
