"""``matinee db``: upgrades and backs up the database."""

from pathlib import Path
from typing import Annotated

import typer

from server.backend import migrate
from server.backend.backup import copy_sqlite
from server.backend.config import Settings
from server.cli.connection import connect
from server.cli.options import command_app, examples
from server.cli.output import print_result
from server.command_errors import SettingsError

app = command_app(
    no_args_is_help=True,
    help="Upgrade and back up the database.",
    epilog=examples("matinee db upgrade", "matinee db backup /backups/matinee.db"),
)


@app.command(epilog=examples("matinee db upgrade"))
def upgrade() -> None:
    """Upgrade the database to the schema of this release."""
    with connect() as database:
        migrate.upgrade(database)
    print_result("The database has the schema of this release.")


@app.command(epilog=examples('matinee db backup "/backups/matinee-$(date +%F).db"'))
def backup(
    destination: Annotated[Path, typer.Argument(help="File to write. It must not exist yet.")],
) -> None:
    """Copy the SQLite database in its current state, while servers run and write.

    On PostgreSQL use pg_dump. Models are files: copy the model store after the database.
    """
    file = Settings.load().sqlite_file
    if file is None:
        raise SettingsError("PostgreSQL has its own backup command. Run: pg_dump --format=custom --file FILE URL")
    copy_sqlite(file, destination)
    print_result(f"{file} was copied to {destination}.")
