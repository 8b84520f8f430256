"""Types and helpers of the tests of the command line."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer.main
from typer.core import TyperGroup

from server.cli import app

MATINEE = Path(sys.executable).with_name("matinee")


class Outcome(NamedTuple):
    """How a command ended, and what it wrote to standard output and standard error."""

    exit_code: int
    printed: str
    complained: str


Matinee = Callable[..., Outcome]
TypeIn = Callable[[str | bytes], None]


def list_commands(group: TyperGroup, *parents: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, groups included."""
    context: Any = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*parents, name)
        if isinstance(command, TyperGroup):
            yield from list_commands(command, *parents, name)


def command_group() -> TyperGroup:
    """Return the whole command."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def parse(group: TyperGroup, words: list[str]) -> None:
    """Read a command line down to its command, without running it; raise what the command would."""
    context: Any = typer.Context(group)
    command = group.get_command(context, words[0])
    assert command is not None
    if isinstance(command, TyperGroup) and words[1:] and not words[1].startswith("-"):
        parse(command, words[1:])
    else:
        command.make_context(words[0], words[1:])


COMMANDS = [(), *list_commands(command_group())]
