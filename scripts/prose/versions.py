"""Compare the version of the change log with that of the package."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path


def find_wrong_version(root: Path) -> Iterator[str]:
    """Yield a sentence if the newest release of the change log is not the version of the package."""
    change_log = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[?(\d+[.]\d+[.]\d+)", change_log, flags=re.M)
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if released[:1] != [version]:
        yield f"CHANGELOG.md: the newest release is {released[:1]}, but pyproject.toml has version {version}"
