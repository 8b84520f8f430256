"""``matinee user``: manages the users who can sign in."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pwdlib import PasswordHash

from server.cli.connection import open_database
from server.cli.options import AsJson, command_app, examples
from server.cli.output import print_result
from server.command_errors import UnfitPassword
from server.etl.ratings_export import read_export
from server.models import Role
from server.schemas.base import MAX_ID
from server.services.accounts import AccountService
from server.services.ratings_import import RatingsImportService
from server.services.token import CredentialsService

UserArgument = Annotated[int, typer.Argument(min=1, max=MAX_ID, help="Id of the user.")]

app = command_app(
    no_args_is_help=True,
    help="Manage users, their passwords and their roles.",
    epilog=examples(
        "matinee user create --username ripley --admin", "matinee user set-password 7", "matinee user grant 7"
    ),
)


@app.command(
    "create",
    epilog=examples(
        "matinee user create --username ripley",
        "matinee user create --username ripley --admin < password.txt",
    ),
)
def create_user(
    username: Annotated[str | None, typer.Option(help="Name to log in with, beside the id.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Create an administrator.")] = False,
) -> None:
    """Create a user who can sign in. The password is prompted for, or read from standard input."""
    password, role = _read_password(), Role.ADMIN if admin else Role.USER
    with _credentials() as credentials:
        user_id = credentials.create_user(password, role, username)
    name = "" if username is None else f" as {username.lower()}"
    print_result(f"User {user_id} can log in{name}; the role is {role}.")


@app.command(epilog=examples("matinee user set-password 7", "matinee user set-password 7 < password.txt"))
def set_password(user: UserArgument) -> None:
    """Set the password of a user, from a prompt or standard input. Their existing tokens become invalid."""
    password = _read_password()
    with _credentials() as credentials:
        credentials.set_password(user, password)
    print_result(f"User {user} can log in with the new password only.")


@app.command(epilog=examples("matinee user grant 7"))
def grant(user: UserArgument) -> None:
    """Make a user an administrator, effective immediately."""
    with _credentials() as credentials:
        credentials.set_role(user, Role.ADMIN)
    print_result(f"User {user} is an administrator.")


@app.command(epilog=examples("matinee user revoke 7"))
def revoke(user: UserArgument) -> None:
    """Take the role of an administrator from a user, effective immediately."""
    with _credentials() as credentials:
        credentials.set_role(user, Role.USER)
    print_result(f"User {user} is no longer an administrator.")


@app.command(epilog=examples("matinee user delete 7", "matinee user delete 7 --yes"))
def delete(
    user: UserArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete a user with all their ratings and their password. Averages and counts follow.

    Their id is not used again, and loading a source again does not bring their ratings back.
    """
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Delete user {user} and all their ratings?", abort=True)
    with open_database() as database, database.transaction(writes=True) as session:
        ratings = AccountService(session).delete_user(user)
    print_result(f"User {user} and {ratings:,} ratings were deleted.")


@app.command("import", epilog=examples("matinee user import 7 ratings.csv", "matinee user import 7 ratings.csv --json"))
def import_ratings(
    user: UserArgument,
    file: Annotated[Path, typer.Argument(help="A CSV file of Letterboxd, IMDb or MovieLens.")],
    as_json: AsJson = False,
) -> None:
    """Import a ratings file that a user exported from Letterboxd, IMDb or MovieLens, all or nothing.

    Rows are matched by IMDb id, else by title and year. The same file again changes nothing.
    """
    export = read_export(file.read_bytes())
    with open_database() as database, database.transaction(writes=True) as session:
        report = RatingsImportService(session).import_ratings(user, *export)
    if as_json:
        print_result(report.model_dump_json(indent=2))
        return
    counts = f"{report.added} added, {report.updated} changed, {report.unchanged} unchanged"
    print_result(f"{report.matched} of {report.rows} ratings belong to a movie: {counts}.")
    for row in sorted([*report.unmatched, *report.ambiguous], key=lambda row: row.line):
        print_result(f"{file}:{row.line}: {row.title or 'no title'}: {row.reason}")


@contextmanager
def _credentials() -> Iterator[CredentialsService]:
    with open_database() as database, database.transaction(writes=True) as session:
        yield CredentialsService(session, PasswordHash.recommended())


def _read_password() -> str:
    """Prompt for a password, or read it from standard input; never from the arguments, which other users can see."""
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UnfitPassword("The password is not valid UTF-8.") from None
