"""Servers to measure, each a process of its own on one core, if the system allows the choice."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.backend.config import Settings

START_DEADLINE_S = 120
API = "/api/rest/v1"


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    port: int
    process_id: int
    started_in_s: float
    """From the start of its process to the first answer from its database."""

    @property
    def cpu_s(self) -> float:
        """CPU time of the process and its threads so far; NaN if the system doesn't report it."""
        stat = Path(f"/proc/{self.process_id}/stat")
        if not stat.exists():
            return float("nan")
        fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory_mb(self) -> float:
        """The memory of its process; not a number if the system does not report it."""
        status = Path(f"/proc/{self.process_id}/status")
        if not status.exists():
            return float("nan")
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(found.split()[1]) / 1000


@contextmanager
def bare_server() -> Iterator[Server]:
    """Run the bare app for the length of a block."""
    with _running(["-m", "uvicorn", "benchmarks.bare_app:app", "--log-level", "error"], {}, "/movies") as server:
        yield server


@contextmanager
def orm_server(database_url: str, models: Path) -> Iterator[Server]:
    """Run the ORM app until the block ends."""
    environment = {"ORM_APP_DATABASE_URL": database_url, "ORM_APP_MODELS": str(models)}
    arguments = ["-m", "uvicorn", "benchmarks.orm_app:app", "--log-level", "error"]
    with _running(arguments, environment, f"{API}/movies") as server:
        yield server


@contextmanager
def matinee_server(
    settings: Settings,
    *,
    on_one_core: bool = True,
    checkout: Path | None = None,
    without: str | None = None,
    workers: int = 1,
) -> Iterator[Server]:
    """Run ``matinee serve`` for the length of a block, without a log line per request, as the bare app.

    It may be the one of another checkout, or one without a trick. A server that also trains must not be on one core:
    its training would be there, too.
    """
    environment = settings.as_environment() | {"MATINEE_LOG_LEVEL": "warning"}
    if checkout is not None:
        # Another version may not know the settings that have defaults here.
        known = {f"MATINEE_{name.upper()}" for name in settings.model_fields_set}
        environment = {name: environment[name] for name in (*known, "MATINEE_LOG_LEVEL")}
    serve = ["-m", "server.cli", "serve", "--workers", str(workers)]
    arguments = ["-m", "benchmarks.without", without] if without else serve
    path = f"{API}/movies"
    with _running(arguments, environment, path, on_one_core=on_one_core, folder=checkout) as server:
        yield server


@contextmanager
def _running(
    arguments: list[str],
    environment: dict[str, str],
    path: str,
    *,
    on_one_core: bool = True,
    folder: Path | None = None,
) -> Iterator[Server]:
    port = _free_port()
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 (our own command)
        [sys.executable, *arguments, "--port", str(port)],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        if on_one_core:
            _give_first_core(process.pid)
        _wait_for_answer(f"http://127.0.0.1:{port}{path}")
        yield Server(port, process.pid, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def off_the_first_core() -> Iterator[None]:
    """Keep this process, which sends the requests, off the core of the servers until the block ends."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores - {min(cores)} or cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _give_first_core(process_id: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process_id, {min(os.sched_getaffinity(process_id))})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_answer(url: str) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=START_DEADLINE_S).close()  # noqa: S310 (our own server)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
        else:
            return
    sys.exit("The server did not start.")
