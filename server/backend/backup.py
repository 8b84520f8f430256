"""Copies an SQLite database while other processes write to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from server.backend.private_files import create_private_file
from server.command_errors import SettingsError


def copy_sqlite(file: Path, destination: Path) -> None:
    """Write the state of the database at one moment into a new file, without blocking writers.

    Leaves no file behind if it fails. Raises `SettingsError` if there is no database or the destination exists.
    """
    if not file.is_file():
        raise SettingsError(f"The database {file} does not exist. Correct MATINEE_DATABASE_URL.")
    if destination.exists():
        raise SettingsError(f"{destination} already exists. Name a new file.")
    aside = destination.with_name(f".partial-{destination.name}")
    aside.unlink(missing_ok=True)
    try:
        create_private_file(aside)
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", [str(aside)])
        aside.rename(destination)
    except (sqlite3.Error, OSError) as error:
        raise SettingsError(f"{file} cannot be copied to {destination}: {error}.") from None
    finally:
        aside.unlink(missing_ok=True)
