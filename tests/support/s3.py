"""S3 servers for tests, each in a process of its own: moto, and versitygw, which keeps its objects in a folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import create_connection
from typing import cast

from s3fs import S3FileSystem

from tests.support.faulty_proxy import Fault, running_proxy
from tests.support.postgres import free_port
from tests.support.waiting import wait_until

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "matinee",
    "AWS_SECRET_ACCESS_KEY": "matinee-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def running_server() -> Iterator[dict[str, str]]:
    """Run an S3 server for the length of a block, and return the variables that lead to it.

    `make nightly` names another server by `TEST_S3_GATEWAY`, the path of versitygw, and a fault by `TEST_S3_FAULT`.
    """
    # Instances are cached by bucket options, not by the endpoint in the environment, which is another one now.
    S3FileSystem.clear_instance_cache()
    gateway, fault = os.environ.get("TEST_S3_GATEWAY"), os.environ.get("TEST_S3_FAULT")
    with ExitStack() as stack:
        if gateway is None:
            port = stack.enter_context(_moto())
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            port = stack.enter_context(Gateway(gateway, folder / "objects")).port
        if fault is not None:
            port = stack.enter_context(running_proxy(port, cast("Fault", fault)))
        yield _variables(port)


@contextmanager
def _moto() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _accepts_connections(port))
        yield port
    finally:
        process.terminate()
        process.wait()


def _variables(port: int) -> dict[str, str]:
    return CREDENTIALS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


def _accepts_connections(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


class Gateway:
    """versitygw on a folder. It may be killed and started again."""

    def __init__(self, binary: str, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.variables = _variables(self.port)
        """The variables that lead to it."""
        self._command = [
            binary, "--port", f"127.0.0.1:{self.port}", "--access", CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "--secret", CREDENTIALS["AWS_SECRET_ACCESS_KEY"], "posix", str(folder),
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Gateway":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the gateway and wait until it accepts connections."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: _accepts_connections(self.port))

    def stop(self) -> None:
        """Kill the gateway."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
