"""An S3 server for tests: moto, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection

from s3fs import S3FileSystem

from tests.support.postgres import free_port
from tests.support.waiting import wait_until

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "matinee",
    "AWS_SECRET_ACCESS_KEY": "matinee-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def running_server() -> Iterator[dict[str, str]]:
    """Run an S3 server for the length of a block, and return the variables that lead to it."""
    # Instances are cached by bucket options, not by the endpoint in the environment, which is another one now.
    S3FileSystem.clear_instance_cache()
    port = free_port()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _accepts_connections(port))
        yield CREDENTIALS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    finally:
        process.terminate()
        process.wait()


def _accepts_connections(port: int) -> bool:
    try:
        create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
