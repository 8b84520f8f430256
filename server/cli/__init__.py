"""The ``matinee`` command. Each subcommand is a module of this package, which is imported when it is used."""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from server.cli.options import examples
from server.command_errors import CommandError
from server.errors import ApiError

COMMANDS = {
    "ingest": "Load movies, ratings, links and tags, all or nothing.",
    "train": "Train a model, and activate it unless it is worse than the live version.",
    "export": "Export all that a training needs as Parquet: ratings by user, movies and genres.",
    "evaluate": "Compare algorithms on the same held-out ratings.",
    "models": "List, activate and delete model versions.",
    "runs": "List and cancel training runs.",
    "worker": "Train the models that servers are asked for; serve nobody.",
    "serve": "Serve the API. An empty database gets its tables first.",
    "db": "Upgrade and back up the database.",
    "user": "Manage users, their passwords and their roles.",
    "doctor": "Check the installation and say how to fix what is wrong.",
}
"""The subcommands with the first line of their help, in the order of ``matinee --help``."""

REMEDIES = {
    "model-version-not-found": "List the versions with: matinee models",
    "run-not-found": "List the runs with: matinee runs",
    "username-taken": "Choose another one.",
    "artifact-unreadable": "Restore the model store, or train a new model with: matinee train",
}
"""What to do in a terminal about an error of the API, by its code."""

EXIT_CODES = """\b
Exit codes:
  0    success; serve: stopped on request
  1    the command failed; standard error says why and what to do
  2    the command line is wrong
  130  stopped by Ctrl-C, 143 by SIGTERM; nothing is left half done"""


class LazyGroup(TyperGroup):
    """A group that imports the module of a subcommand when it is used.

    The imports of a training or an ingestion take longer than everything that ``matinee --help`` does.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 (Typer's context has no public type)
        """Return the names of the subcommands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 (as above)
        """Return a subcommand, or None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(import_module(f"server.cli.{cmd_name}").app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 (as above)
        """Write the list of subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=LazyGroup,
    epilog=examples("matinee ingest demo", "matinee train", "matinee serve") + "\n\n" + EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line. A command that fails prints one sentence to standard error, never a traceback."""
    try:
        app(prog_name="matinee")
    except CommandError as error:
        _fail(str(error), error.exit_code)
    except ApiError as error:
        _fail(f"{error} {REMEDIES.get(error.code, '')}".rstrip())
    except OSError as error:
        _fail(str(error))
    except Exception as error:
        if os.environ.get("MATINEE_LOG_LEVEL") == "debug":
            raise
        # Without the text of the error, which may quote anything.
        _fail(f"Unexpected {type(error).__name__}. Set MATINEE_LOG_LEVEL=debug to see its traceback, and report it.")


def _fail(message: str, exit_code: int = 1) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    sys.exit(exit_code)


def _print_version(*, is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"matinee {version('matinee')}")
        raise typer.Exit


@app.callback()
def matinee(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _print_version(is_requested=value),
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Matinee: a movie catalogue, ratings and personal recommendations behind one REST API."""
