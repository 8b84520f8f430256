"""Docs that are generated, compared with what the code says now: those of `DOCS`, below."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from typer.testing import CliRunner

from scripts.generate_postman import render_collection
from server.app import create_app
from server.backend.config import Settings
from server.cli import app as cli
from server.routers.error_pages import describe_all

CLI_INTRODUCTION = """\
# The command line

Written by `make docs` from the code.

Results go to standard output, progress and complaints to standard error. Colours and bars are for terminals only, and
`NO_COLOR=1` turns colours off there. Where a script would want it, `--json` gives the result as one JSON document.
`matinee --install-completion` teaches your shell the commands, options and names of releases and algorithms.
"""


def main() -> int:
    """Compare the files, or with ``--write`` make them; 1 where one is stale."""
    write = "--write" in sys.argv[1:]
    stale = [path for path, render in DOCS.items() if not _is_current(Path(path), render(), write=write)]
    for path in stale:
        print(f"{path} is not what the code says: make docs", file=sys.stderr)  # noqa: T201 (a command that prints)
    return 1 if stale else 0


def render_openapi() -> str:
    """Give the OpenAPI document of an app with default settings."""
    return json.dumps(create_app(Settings(_env_file=None)).openapi(), indent=2, ensure_ascii=False) + "\n"


def render_postman() -> str:
    """Give the Postman collection of that document."""
    return render_collection(json.loads(render_openapi()))


def render_cli() -> str:
    """Give the help of every command, and the settings."""
    parts = [CLI_INTRODUCTION]
    parts += [f"## `{name}`\n\n```\n{text}\n```\n" for name, text in _helps([])]
    rows = [
        f"| `MATINEE_{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    table = "\n".join(["| variable | default | what |", "|---|---|---|", *rows])
    parts.append(f"## Settings\n\nEnvironment variables, or the same lines in a file `.env`.\n\n{table}\n")
    return "\n".join(parts)


def _default(value: object) -> str:
    return f"`{value}`" if str(value) else "none"


def _helps(commands: list[str]) -> Iterator[tuple[str, str]]:
    """Give a command and all below it, each with its help."""
    shown = CliRunner().invoke(cli, [*commands, "--help"], prog_name="matinee", env={"COLUMNS": "100"}, color=False)
    text = shown.output.rstrip()
    yield " ".join(["matinee", *commands]), text
    for child in re.findall(r"^  ([\w-]+) ", text.partition("Commands:")[2].partition("\n\n")[0], re.MULTILINE):
        yield from _helps([*commands, child])


def _is_current(path: Path, text: str, *, write: bool) -> bool:
    if write:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path.is_file() and path.read_text(encoding="utf-8") == text


DOCS: dict[str, Callable[[], str]] = {
    "docs/reference/openapi.json": render_openapi,
    "docs/reference/postman_collection.json": render_postman,
    "docs/reference/errors.md": describe_all,
    "docs/reference/cli.md": render_cli,
}

if __name__ == "__main__":
    sys.exit(main())
