"""``matinee user``: who may log in, and as what."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from pwdlib import PasswordHash

from server.cli import examples, output
from server.cli.database import open_database
from server.command_errors import UnfitPassword
from server.models import Role
from server.schemas.base import MAX_ID
from server.services.token import CredentialsService

UserArgument = Annotated[int, typer.Argument(min=1, max=MAX_ID, help="Id of the user.")]

app = typer.Typer(help="Who may log in, where MATINEE_AUTH is on.", epilog=examples.USER, no_args_is_help=True)


@app.command("create", epilog=examples.USER_CREATE)
def create_user(
    admin: Annotated[bool, typer.Option("--admin", help="With the role of an admin, who may do everything.")] = False,
) -> None:
    """Make a new user who can log in; the password is asked for, or read from standard input."""
    password, role = _read_password(), Role.ADMIN if admin else Role.USER
    with _credentials() as credentials:
        user_id = credentials.create_user(password, role)
    output.say(f"User {user_id} can log in; the role is {role}.")


@app.command("set-password", epilog=examples.USER_SET_PASSWORD)
def set_password(user: UserArgument) -> None:
    """Give a user a password, asked for or read from standard input; his tokens are void at once."""
    password = _read_password()
    with _credentials() as credentials:
        credentials.set_password(user, password)
    output.say(f"User {user} can log in with the new password only.")


@app.command(epilog=examples.USER_GRANT)
def grant(user: UserArgument) -> None:
    """Give a user the role of an admin; it counts at once."""
    with _credentials() as credentials:
        credentials.set_role(user, Role.ADMIN)
    output.say(f"User {user} is an admin.")


@app.command(epilog=examples.USER_REVOKE)
def revoke(user: UserArgument) -> None:
    """Take the role of an admin from a user; it counts at once."""
    with _credentials() as credentials:
        credentials.set_role(user, Role.USER)
    output.say(f"User {user} is no admin.")


@contextmanager
def _credentials() -> Iterator[CredentialsService]:
    with open_database() as database, database.transaction(writes=True) as session:
        yield CredentialsService(session, PasswordHash.recommended())


def _read_password() -> str:
    """Ask for a password, or read it where nobody can be asked; never from the arguments, which others may see."""
    if sys.stdin.isatty():
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UnfitPassword("The password is not text in UTF-8.") from None
