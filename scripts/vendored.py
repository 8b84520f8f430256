"""Check the vendored files of the page: their digests, and that the npm registry's packages hold the same bytes."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

FOLDER = Path("server/frontend/vendor")
LOCK = FOLDER / "lock.json"


class Vendored(NamedTuple):
    """A vendored file, and where it comes from."""

    file: str
    package: str
    version: str
    license: str
    path: str
    """Its path in the package."""
    sha256: str

    @property
    def source(self) -> str:
        """The package as npm names it."""
        return f"{self.package}@{self.version}"


def main() -> int:
    """Return 1 if a file differs from the lock file or from its package, or is not in the lock file."""
    locked = [Vendored(**entry) for entry in json.loads(LOCK.read_text(encoding="utf-8"))]
    problems = _compare_folder(locked) + _compare_registry(locked)
    for problem in problems:
        _print(problem)
    return 1 if problems else 0


def _compare_folder(locked: list[Vendored]) -> list[str]:
    unlocked = {path.name for path in FOLDER.iterdir()} - {file.file for file in locked} - {LOCK.name}
    changed = [file.file for file in locked if _sha256((FOLDER / file.file).read_bytes()) != file.sha256]
    return [
        *(f"{FOLDER / name} is not in {LOCK}" for name in sorted(unlocked)),
        *(f"{FOLDER / name} does not have the digest of {LOCK}" for name in changed),
    ]


def _compare_registry(locked: list[Vendored]) -> list[str]:
    npm = shutil.which("npm")
    if npm is None:
        _print("vendored files are not compared with the npm registry: npm is not installed")
        return []
    problems = []
    for source, files in groupby(locked, key=lambda file: file.source):
        package = _download(npm, source)
        if package is None:
            _print(f"{source} is not compared: the npm registry does not answer")
            continue
        with tarfile.open(fileobj=io.BytesIO(package)) as archive:
            for file in files:
                member = archive.extractfile(f"package/{file.path}")
                if member is None or _sha256(member.read()) != file.sha256:
                    problems.append(f"{FOLDER / file.file} is not {file.path} of {source}")
    return problems


def _download(npm: str, source: str) -> bytes | None:
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", source, "--silent", "--pack-destination", folder]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)  # noqa: S603 (our lock file's names)
        archives = list(Path(folder).glob("*.tgz"))
        return archives[0].read_bytes() if done.returncode == 0 and archives else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _print(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 (a command that prints)


if __name__ == "__main__":
    sys.exit(main())
