"""The database of a command."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from server.backend import logging, migrate
from server.backend.config import Settings
from server.backend.database import Database
from server.command_errors import SettingsError


@contextmanager
def open_database(settings: Settings | None = None) -> Iterator[Database]:
    """Open the database of the settings for a block; an empty database gets its tables first.

    Raises `SettingsError` if it cannot be used.
    """
    with connect(settings) as database:
        migrate.prepare(database)
        yield database


@contextmanager
def open_database_for_load() -> Iterator[Database]:
    """Open the database for a load, and delete the SQLite file if the load creates it and fails."""
    settings = Settings.load()
    file = settings.sqlite_file
    created = [] if file is None else [path for path in (file, *file.parents) if not path.exists()]
    try:
        with open_database(settings) as database:
            yield database
    except BaseException:
        if file is not None and file in created:
            _delete_database(file, folders=created[1:])
        raise


def _delete_database(file: Path, folders: Sequence[Path]) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{file}{suffix}").unlink(missing_ok=True)
    # A folder with other files stays.
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


@contextmanager
def connect(settings: Settings | None = None) -> Iterator[Database]:
    """Open the database of the settings for a block as it is. Raises `SettingsError` if it cannot be used."""
    settings = settings or Settings.load()
    logging.configure(settings.log_level, settings.log_format)
    database = Database(settings)
    try:
        yield database
    except SQLAlchemyError as error:
        reason = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
        raise SettingsError(
            f"The database {settings.shown_database_url} cannot be used: {reason}\n"
            "Start the database, or correct MATINEE_DATABASE_URL."
        ) from error
    finally:
        database.dispose()
