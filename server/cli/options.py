"""Parts of the command line that commands share: the group of a module, options, examples below the help."""

from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def examples(*lines: str) -> str:
    """Return the examples that ``--help`` shows below the options."""
    # \b keeps the help formatter from joining the lines to a paragraph.
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def command_app(**options: Any) -> typer.Typer:  # noqa: ANN401 (Typer's options)
    """Return the Typer app of a module: one command, or a group of commands."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, **options)
