"""Limits of lines in documents and of subjects of commits."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

MAX_LINE = 100
MAX_SUBJECT = 72
FIRST_COMMIT = "b0efa7a2f46ae67459e3ef3e44ebf52ac8896c15"
"""The subjects of earlier commits are longer, and stay."""


def find_long_lines(page: str) -> Iterator[tuple[int, int]]:
    """Yield number and length of lines that are too long. Code blocks, tables and the targets of links may be."""
    without_code = re.sub(r"^ *```.*?^ *```", lambda code: "\n" * code[0].count("\n"), page, flags=re.M | re.S)
    for number, line in enumerate(without_code.splitlines(), start=1):
        length = len(re.sub(r"\]\([^)]*\)|https?://\S+", "]", line))
        if length > MAX_LINE and not line.lstrip().startswith("|"):
            yield number, length


def find_long_subjects(repository: Path) -> Iterator[str]:
    """Yield the commits since the last release with a long subject; in a shallow clone, those that it has."""
    for line in _git(repository, "log", "--no-merges", "--format=%h %s", _range(repository)).splitlines():
        commit, _, subject = line.partition(" ")
        if len(subject) > MAX_SUBJECT:
            yield f"commit {commit}: a subject of {len(subject)} characters, more than {MAX_SUBJECT}: {subject}"


def _range(repository: Path) -> str:
    release = _git(repository, "describe", "--tags", "--abbrev=0", "--match", "v*").strip()
    if release:
        return f"{release}..HEAD"
    is_known = _git(repository, "rev-parse", "--quiet", "--verify", f"{FIRST_COMMIT}^{{commit}}")
    return f"{FIRST_COMMIT}..HEAD" if is_known else "HEAD"


def _git(repository: Path, *arguments: str) -> str:
    """Return the output of a git command; nothing if it fails, as outside of a clone."""
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 (no shell)
