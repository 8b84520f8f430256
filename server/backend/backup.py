"""A copy of an SQLite database that others may write to meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path

from server.command_errors import SettingsError


def copy_sqlite(file: Path, destination: Path) -> None:
    """Write what the database holds at one moment into a new file; there is none where this fails.

    Writers are not held up. Raises `SettingsError` where there is no database, or something at the destination.
    """
    if not file.is_file():
        raise SettingsError(f"There is no database {file}. MATINEE_DATABASE_URL says where it is.")
    if destination.exists():
        raise SettingsError(f"There is something at {destination} already. Name a new file.")
    aside = destination.with_name(f".partial-{destination.name}")
    aside.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", [str(aside)])
        aside.rename(destination)
    except sqlite3.Error as error:
        raise SettingsError(f"{file} cannot be copied to {destination}: {error}.") from None
    finally:
        aside.unlink(missing_ok=True)
