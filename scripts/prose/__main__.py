"""Check prose: `python -m scripts.prose` checks all of it, `python -m scripts.prose server/etl` files and folders."""

import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.prose.lengths import MAX_LINE, find_long_lines, find_long_subjects
from scripts.prose.patterns import find_banned
from scripts.prose.references import Repository, find_broken_links, find_missing
from scripts.prose.texts import read_texts
from scripts.prose.versions import find_wrong_version

REPOSITORY = Repository(Path())
CODE = ("server", "tests", "benchmarks", "scripts")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "final_project")
GENERATED = Path("docs/reference")
HISTORY = Path("CHANGELOG.md")
"""It names things that are gone."""
QUOTES = (Path("scripts/prose/patterns.py"), Path("tests/scripts/test_prose.py"))
"""They quote what they ban."""


def main(arguments: list[str]) -> int:
    """Print each problem with its file and line; return 1 if there is one."""
    problems = [
        f"{path}:{line}: {problem}"
        for path in _files(arguments or [*CODE, *PAGES])
        for line, problem in _problems(path)
    ]
    if not arguments:
        problems += [*find_long_subjects(REPOSITORY.root), *find_wrong_version(REPOSITORY.root)]
    for problem in problems:
        print(problem)  # noqa: T201 (a command that prints)
    return 1 if problems else 0


def _files(names: list[str]) -> Iterator[Path]:
    for name in names:
        path = Path(name)
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.suffix in {".py", ".md"} and not _is_skipped(file))


def _is_skipped(path: Path) -> bool:
    return path in QUOTES or GENERATED in path.parents or "node_modules" in path.parts


def _problems(path: Path) -> list[tuple[int, str]]:
    problems = [
        (text.line + text.content[: found.offset].count("\n"), f"{found.words!r}: write {found.instead}")
        for text in read_texts(path)
        for found in find_banned(text.content, is_docstring=text.is_docstring)
    ]
    if path.suffix == ".md":
        page = path.read_text(encoding="utf-8")
        problems += [
            (line, f"a line of {length} characters, more than {MAX_LINE}") for line, length in find_long_lines(page)
        ]
        problems += find_broken_links(page, path.parent)
        if path != HISTORY:
            problems += find_missing(page, REPOSITORY)
    return sorted(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
