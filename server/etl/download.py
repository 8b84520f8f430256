"""Download MovieLens releases from GroupLens."""

import hashlib
import http.client
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from server.command_errors import SourceError

RELEASES: Final = ("ml-latest-small", "ml-latest", "ml-32m", "ml-25m", "ml-20m", "ml-10m", "ml-1m", "ml-100k")
BASE_URL: Final = "https://files.grouplens.org/datasets/movielens"
LICENCE_NOTICE: Final = """\
MovieLens data are provided by GroupLens Research at the University of Minnesota, under their licence:
for research use; redistribution only under the same conditions; no commercial or revenue-bearing use without
permission; no endorsement implied. Publications cite: F. Maxwell Harper and Joseph A. Konstan. 2015.
The MovieLens Datasets: History and Context. ACM TiiS 5, 4, Article 19. https://doi.org/10.1145/2827872"""

OnDownload = Callable[[int, int | None], None]
"""Receives the number of bytes so far and the total, if known."""

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0


def download(release: str, target_folder: Path, on_progress: OnDownload, base_url: str = BASE_URL) -> Path:
    """Download the zip of a release, verify its published checksum and return its path.

    A zip from an earlier download is reused while its checksum is the published one, or without a network. The
    file gets its name only after verification. Raises SourceError for an unknown release, a failed download or a
    wrong checksum.
    """
    if release not in RELEASES:
        raise SourceError(f'Unknown release "{release}". The releases are {", ".join(RELEASES)}.')
    target = target_folder / f"{release}.zip"
    url = f"{base_url}/{release}.zip"
    try:
        published_md5 = _fetch_checksum(f"{url}.md5")
    except SourceError:
        if target.is_file():
            return target
        raise
    with _as_source_error(url):
        if not (target.is_file() and _md5_of(target) == published_md5):
            _fetch_verified(url, published_md5, target, on_progress)
    return target


def _fetch_checksum(url: str) -> str:
    """Return the MD5 from a file like "be8b…  ml-1m.zip" or "MD5 (ml-1m.zip) = be8b…"."""
    with _as_source_error(url), _open_url(url) as response:
        text = response.read(1000).decode(errors="replace")
    checksum = re.search(r"\b[0-9a-f]{32}\b", text)
    if checksum is None:
        raise SourceError(f"{url} contains no MD5 checksum. Try again later.")
    return checksum[0]


def _fetch_verified(url: str, published_md5: str, target: Path, on_progress: OnDownload) -> None:
    """Download to a temporary folder, and move the file to the target after verification."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as folder:
        aside = Path(folder, target.name)
        with _open_url(url) as response, aside.open("wb") as file:
            total = response.length
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
                on_progress(file.tell(), total)
        received_md5 = _md5_of(aside)
        if received_md5 != published_md5:
            raise SourceError(
                f"The download of {url} is damaged: its MD5 is {received_md5}, not {published_md5}. Try again."
            )
        aside.replace(target)


def _open_url(url: str) -> http.client.HTTPResponse:
    response: http.client.HTTPResponse = urlopen(url, timeout=_TIMEOUT_S)  # noqa: S310 (not a URL from a user)
    return response


def _md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


@contextmanager
def _as_source_error(url: str) -> Iterator[None]:
    """Raise SourceError in place of errors of the network and the file system."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise SourceError(
            f"{url} cannot be downloaded: {error}. If you have the zip, pass its path instead of the release."
        ) from error
