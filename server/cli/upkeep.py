"""The commands that keep an installation in good health: ``matinee doctor`` and ``matinee db backup``."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from server.backend.backup import copy_sqlite
from server.backend.config import Settings
from server.cli import output
from server.command_errors import SettingsError
from server.services.diagnostics import Finding, Health, examine


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array of the findings instead.")] = False,
) -> None:
    """Look at settings, disk space, model store, database and live model, and say how to remedy what is wrong.

    Nothing is changed, and servers may run meanwhile. Exit code 1 if something has failed; a warning is no failure.
    """
    findings = list(examine())
    if as_json:
        output.say(TypeAdapter(list[Finding]).dump_json(findings, indent=2).decode())
    else:
        output.print_examination(findings)
    raise typer.Exit(any(finding.health is Health.FAILED for finding in findings))


def backup(
    destination: Annotated[Path, typer.Argument(help="File to write; there must be none of that name yet.")],
) -> None:
    """Copy the SQLite database as it is at this moment, while servers run and write.

    On PostgreSQL use its own pg_dump. The models are files: copy the model store after the database.
    """
    file = Settings.load().sqlite_file
    if file is None:
        raise SettingsError("The database is PostgreSQL, whose own backup is: pg_dump --format=custom --file FILE URL")
    copy_sqlite(file, destination)
    output.say(f"{file} is copied to {destination}.")
