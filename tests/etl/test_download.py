import hashlib
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from server.command_errors import SourceError
from server.etl.download import download
from tests.support.tables import for_each

ZIP = b"PK" + bytes(range(256)) * 2000
MD5 = hashlib.md5(ZIP, usedforsecurity=False).hexdigest()


class FileServer(ThreadingHTTPServer):
    """Serves ``files`` by path and records the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FileHandler)
        self.files = {"/ml-1m.zip": ZIP, "/ml-1m.zip.md5": f"{MD5}  ml-1m.zip\n".encode()}
        self.requests: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class FileHandler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        content = self.server.files.get(self.path)
        self.send_response(HTTPStatus.NOT_FOUND if content is None else HTTPStatus.OK)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
        """Log nothing."""


@pytest.fixture
def grouplens(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Progress(list[tuple[int, int | None]]):
    """Records the progress of a download."""

    def __call__(self, done: int, total: int | None) -> None:
        self.append((done, total))


@for_each("checksum", [f"{MD5}  ml-1m.zip\n", f"MD5 (ml-1m.zip) = {MD5}"])
def test_a_release_is_downloaded_and_verified(grouplens: FileServer, tmp_path: Path, checksum: str) -> None:
    grouplens.files["/ml-1m.zip.md5"] = checksum.encode()
    progress = Progress()

    path = download("ml-1m", tmp_path / "new", progress, grouplens.url)

    assert path == tmp_path / "new" / "ml-1m.zip"
    assert path.read_bytes() == ZIP
    assert list(path.parent.iterdir()) == [path]
    assert progress[-1] == (len(ZIP), len(ZIP))
    assert progress == sorted(progress)


def test_a_verified_release_is_not_downloaded_again(grouplens: FileServer, tmp_path: Path) -> None:
    download("ml-1m", tmp_path, Progress(), grouplens.url)
    progress = Progress()

    path = download("ml-1m", tmp_path, progress, grouplens.url)

    assert path.read_bytes() == ZIP
    assert grouplens.requests == ["/ml-1m.zip.md5", "/ml-1m.zip", "/ml-1m.zip.md5"]
    assert progress == []


def test_an_outdated_release_is_replaced(grouplens: FileServer, tmp_path: Path) -> None:
    tmp_path.joinpath("ml-1m.zip").write_bytes(b"last year's")

    path = download("ml-1m", tmp_path, Progress(), grouplens.url)

    assert path.read_bytes() == ZIP


def test_a_wrong_checksum_leaves_nothing_behind(grouplens: FileServer, tmp_path: Path) -> None:
    grouplens.files["/ml-1m.zip"] = ZIP[:-1]
    received = hashlib.md5(ZIP[:-1], usedforsecurity=False).hexdigest()

    with pytest.raises(SourceError, match=f"its MD5 is {received}, not {MD5}"):
        download("ml-1m", tmp_path, Progress(), grouplens.url)

    assert list(tmp_path.iterdir()) == []


def test_a_checksum_file_without_a_checksum_is_an_error(grouplens: FileServer, tmp_path: Path) -> None:
    grouplens.files["/ml-1m.zip.md5"] = b"<html>Moved</html>"

    with pytest.raises(SourceError, match=r"ml-1m\.zip\.md5 contains no MD5 checksum\."):
        download("ml-1m", tmp_path, Progress(), grouplens.url)


def test_a_release_missing_on_the_server_is_an_error(grouplens: FileServer, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"ml-32m\.zip\.md5 cannot be downloaded: HTTP Error 404: Not Found\."):
        download("ml-32m", tmp_path, Progress(), grouplens.url)


@pytest.fixture
def dead_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of a port without a listener."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_without_a_network_the_error_suggests_a_path(dead_url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be downloaded: .* If you have the zip, pass its path"):
        download("ml-1m", tmp_path, Progress(), dead_url)


def test_without_a_network_an_earlier_download_is_used(dead_url: str, tmp_path: Path) -> None:
    tmp_path.joinpath("ml-1m.zip").write_bytes(ZIP)

    assert download("ml-1m", tmp_path, Progress(), dead_url) == tmp_path / "ml-1m.zip"


@for_each("release", ["ml-2m", "ML-1M", "../ml-1m", ""])
def test_the_error_of_an_unknown_release_lists_the_known_ones(release: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as refusal:
        download(release, tmp_path, Progress(), "http://127.0.0.1:1")

    assert str(refusal.value) == (
        f'Unknown release "{release}". The releases are '
        "ml-latest-small, ml-latest, ml-32m, ml-25m, ml-20m, ml-10m, ml-1m, ml-100k."
    )
