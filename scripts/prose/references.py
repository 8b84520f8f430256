"""Find paths, commands, requests and identifiers that documents name in backquotes, and links, that lead nowhere."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from server import cli

FROM_ELSEWHERE = {
    "FORWARDED_ALLOW_IPS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "statement_timeout",
}
"""Identifiers of other projects."""
SKIPPED = {
    ".git",
    ".venv",
    ".venv-spark",
    ".uv",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
}
PATH = re.compile(r"[\w.<>*-]+(/[\w.<>*-]+)*/?")
REQUEST = re.compile(r"(GET|POST|PUT|DELETE) (/[\w{}/-]*)")
IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*(\(\))?")
OURS = (".py", ".md", ".toml", ".lock")


class Repository:
    """The names that exist in a checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def files(self) -> list[str]:
        """All files but those that tools write."""
        paths = (path.relative_to(self.root) for path in self.root.rglob("*") if not SKIPPED & set(path.parts))
        return [path.as_posix() for path in paths]

    @cached_property
    def words(self) -> set[str]:
        """All words of the code, and of the pages that are generated from it."""
        is_code = re.compile(r".*([.](py|toml|json|js|html)|Makefile)|docs/reference/.*")
        sources = [self.root / name for name in self.files if is_code.fullmatch(name) and (self.root / name).is_file()]
        return {word for path in sources for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}

    @cached_property
    def operations(self) -> set[tuple[str, str]]:
        """Method and path of each operation of the API, with `{}` for each parameter."""
        document = json.loads((self.root / "docs/reference/openapi.json").read_text(encoding="utf-8"))
        return {
            (method, re.sub(r"{\w+}", "{}", path)) for path, methods in document["paths"].items() for method in methods
        }

    @cached_property
    def targets(self) -> set[str]:
        """The targets of `make`."""
        return set(re.findall(r"^([a-z-]+):", (self.root / "Makefile").read_text(encoding="utf-8"), flags=re.M))

    def problem(self, code: str) -> str | None:
        """Return what does not exist of a text in backquotes."""
        if code.startswith(("matinee ", ".venv/bin/matinee ")):
            return _problem_of_command(code)
        if code.startswith("make "):
            unknown = [word for word in code.split()[1:] if "=" not in word and word not in self.targets]
            return f"make has no target {unknown[0]}" if unknown else None
        if module := re.match(r"(?:\S*python3? )-m ((?:server|scripts|tests|benchmarks)[\w.]*)", code):
            return self._problem_of_module(module[1])
        if request := REQUEST.match(code):
            return self._problem_of_request(request[1].lower(), request[2])
        if PATH.fullmatch(code) and ("/" in code or code.endswith(OURS)):
            return self._problem_of_path(code)
        return self._problem_of_identifier(code)

    def _problem_of_module(self, name: str) -> str | None:
        path = self.root / name.replace(".", "/")
        return None if path.is_dir() or path.with_suffix(".py").is_file() else f"{name} is not a module"

    def _problem_of_request(self, method: str, path: str) -> str | None:
        """Look a request up among the operations; a number is a parameter. `/token` exists only with authentication."""
        pattern = re.sub(r"{\w+}|(?<=/)\d+", "{}", path.rstrip("/"))
        known = {(method, prefix + pattern) for prefix in ("", "/api/rest/v1")}
        return None if known & self.operations or path == "/token" else f"the API has no {method.upper()} {path}"

    def _problem_of_path(self, code: str) -> str | None:
        pattern = re.sub(r"<[^>]*>|NNNN", "*", code.rstrip("/")).replace("*", "[^/]*")
        is_ours = code.endswith(OURS) or (self.root / Path(code).parts[0]).is_dir()
        found = re.compile(rf"(.*/)?{pattern.replace('.', r'[.]')}")
        return f"{code} does not exist" if is_ours and not any(map(found.fullmatch, self.files)) else None

    def _problem_of_identifier(self, code: str) -> str | None:
        name = code.removesuffix("()").split(".")[-1]
        is_identifier = IDENTIFIER.fullmatch(code) and ("_" in name.strip("_") or re.search(r"[a-z][A-Z]", name))
        return f"{name} is not in the code" if is_identifier and name not in self.words | FROM_ELSEWHERE else None


def find_missing(page: str, repository: Repository) -> Iterator[tuple[int, str]]:
    """Yield the line of each name in backquotes, and of each command of a console block, that does not exist."""
    codes = [(found.start(1), found[1]) for found in re.finditer(r"(?<!`)`([^`]+)`(?!`)", page)]
    codes += [(found.start(1), found[1]) for found in re.finditer(r"^\$ (.+?)(?: +#.*)?$", page, flags=re.M)]
    for offset, code in codes:
        if problem := repository.problem(" ".join(code.split())):
            yield page[:offset].count("\n") + 1, problem


def find_broken_links(page: str, folder: Path) -> Iterator[tuple[int, str]]:
    """Yield the line of each relative link of a page in a folder whose target does not exist."""
    for link in re.finditer(r"\]\(([^)#:]+)(#[^)]*)?\)", page):
        if not (folder / link[1]).exists():
            yield page[: link.start()].count("\n") + 1, f"the link to {link[1]} is broken"


def _problem_of_command(code: str) -> str | None:
    """Follow the words of a `matinee` command through its subcommands and options."""
    command = _matinee()
    context = typer.Context(command)
    for word in shlex.split(re.sub(r"[\[\]…]|[.]{3}", " ", code))[1:]:
        subcommands = command.list_commands(context) if isinstance(command, TyperGroup) else []
        if word.startswith("--"):
            if word.split("=")[0] not in {"--help", *(name for option in command.params for name in option.opts)}:
                return f"matinee has no {word} in `{code}`"
        elif subcommands:
            name = word.split("|")[0]
            if name not in subcommands:
                return f"matinee has no {name} in `{code}`"
            command = command.get_command(context, name)
    return None


@cache
def _matinee() -> Any:  # noqa: ANN401 (Typer has a click of its own, and does not export its types)
    return typer.main.get_command(cli.app)
