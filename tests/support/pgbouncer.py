"""PgBouncer in transaction mode in front of a PostgreSQL server, for tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL

from tests.support.postgres import free_port
from tests.support.waiting import DEADLINE_S, wait_until

MISSING = "PgBouncer is not installed: apt-get install pgbouncer"
POOL_SIZE = 5

CONFIGURATION = """
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 500
auth_type = trust
auth_file = {folder}/users.txt
logfile = {folder}/log
"""


class PgBouncer:
    """A pooler that may be stopped and started again."""

    def __init__(self, binary: str, server: URL, folder: Path) -> None:
        self.port = free_port()
        self._server = server
        self._log = folder / "log"
        self._command = [binary, str(folder / "pgbouncer.ini")]
        self._process: subprocess.Popen[bytes] | None = None
        configuration = CONFIGURATION.format(
            host=server.host, port=server.port, listen_port=self.port, folder=folder, pool_size=POOL_SIZE
        )
        (folder / "pgbouncer.ini").write_text(configuration)
        (folder / "users.txt").write_text(f'"{server.username}" "{server.password or ""}"\n')

    def url(self, database: str) -> str:
        """Return the URL of a database behind the pooler."""
        url = self._server.set(host="127.0.0.1", port=self.port, database=database)
        return url.render_as_string(hide_password=False)

    def start(self) -> None:
        """Start the pooler and wait until it answers."""
        # PgBouncer refuses to run as root.
        user = {"user": "nobody"} if os.geteuid() == 0 else {}
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **user,  # type: ignore[call-overload]
        )
        wait_until(self._answers)

    def stop(self) -> None:
        """Kill the pooler."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=DEADLINE_S)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            psycopg.connect(self.url(self._server.database or "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def running_pooler(server: URL) -> Iterator[PgBouncer]:
    """Run a pooler for the length of a block. Without the program, the test is skipped."""
    binary = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    pooler = PgBouncer(binary, server, folder)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.stop()
        shutil.rmtree(folder, ignore_errors=True)
