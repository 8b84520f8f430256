"""Upgrade a scratch SQLite database, compare it with the models, and downgrade it."""

import sys
import tempfile

from alembic.util import CommandError

from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database


def main() -> int:
    """Return 0 if migrations and models agree, else 1."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Settings(database_url=f"sqlite:///{folder}/scratch.db"))
        try:
            schema.upgrade(database)
            schema.check(database)
            schema.downgrade(database, "base")
        except CommandError as error:
            print(error, file=sys.stderr)  # noqa: T201 (a command that prints)
            return 1
        finally:
            database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
