"""A Redis server for tests, which may stop it and start it again."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_connection

import pytest

from tests.support.postgres import free_port
from tests.support.waiting import DEADLINE_S, wait_until

MISSING = "Redis is not installed: apt-get install redis-server"


class RedisServer:
    """A server without files."""

    def __init__(self, binary: str) -> None:
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        self._process = subprocess.Popen(
            [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._accepts_connections)

    def stop(self) -> None:
        """Kill the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=DEADLINE_S)

    def _accepts_connections(self) -> bool:
        try:
            create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True


@contextmanager
def running_server() -> Iterator[RedisServer]:
    """Run a server for the length of a block. Without the program, the test is skipped."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip(MISSING)
    server = RedisServer(binary)
    server.start()
    try:
        yield server
    finally:
        server.stop()
