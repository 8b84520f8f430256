"""Complete installations for end-to-end tests: a folder, a database, the command line and server processes."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx2 import Client, TransportError

from tests.support.postgres import free_port
from tests.support.waiting import DEADLINE_S, poll

API = "/api/rest/v1"
ENGINE = f"{API}/recommendation-engine"
MATINEE = Path(sys.executable).with_name("matinee")
ENDED = {"succeeded", "failed"}
FAST_TRAINING = {"algorithm": "popularity"}
"""For tests about the course of a training rather than its result."""


class Server:
    """A running `matinee serve`, and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], address: str, log: Path) -> None:
        self.process = process
        self.address = address
        self.log = log
        self.client = Client(base_url=address, timeout=DEADLINE_S)

    def wait_until_ready(self) -> None:
        """Return when the server is ready; fail with its log if it exits first."""
        poll(self._find_readiness)

    def end(self, signal_number: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(signal_number)
        return self.process.wait(timeout=DEADLINE_S)

    def close(self) -> None:
        """Stop the server gracefully; kill it and its workers if that fails."""
        self.client.close()
        if self.process.poll() is not None:
            return
        try:
            assert self.end(signal.SIGTERM) == 0, self.log.read_text()
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise

    def start_training(self) -> str:
        """Request a training and return the path of its run."""
        response = self.client.post(ENGINE)
        assert (response.status_code, response.content) == (202, b"")
        return response.headers["Location"]

    def get_run(self, run: str) -> dict[str, Any]:
        """Return the run."""
        response = self.client.get(run)
        assert response.status_code == 200
        document: dict[str, Any] = response.json()
        return document

    def wait_for_end(self, run: str) -> dict[str, Any]:
        """Return the run after it has ended."""
        return poll(lambda: self.find_run(run, ENDED))

    def find_run(self, run: str, statuses: set[str]) -> dict[str, Any] | None:
        """Return the run if it has one of these statuses, else None."""
        document = self.get_run(run)
        return document if document["status"] in statuses else None

    def wait_for_version(self, version: int) -> None:
        """Return when the process that answers serves this version."""
        poll(lambda: self.client.get("/readyz").json()["model_version"] == version or None)

    def wait_for_trainer(self, run: str) -> int:
        """Return the process id of a run's trainer, taken from the log."""
        started = re.compile(rf"training run {run.rsplit('/', 1)[-1]} started in process (\d+)")
        return int(poll(lambda: started.search(self.log.read_text()))[1])

    def _find_readiness(self) -> bool | None:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.client.get("/readyz").is_success or None
        except TransportError:
            return None


@dataclass(frozen=True)
class Installation:
    """The folder, database and model store of one installation."""

    folder: Path
    database_url: str
    store: str | None = None
    """The model store, if it is not a folder."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Other variables of the environment, such as the credentials of a store."""

    @property
    def models(self) -> Path:
        """The path of the model store."""
        return self.folder / "models"

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run a `matinee` command that must succeed, and return its standard output."""
        done = subprocess.run(
            [MATINEE, *arguments],
            cwd=self.folder,
            env=self.environment(),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serve(self, *options: str, **settings: str) -> Iterator[Server]:
        """Run a server with additional settings until the block ends."""
        port = free_port()
        log = self.folder / f"server-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [MATINEE, "serve", "--port", str(port), *options],
                cwd=self.folder,
                env=self.environment(**settings),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        server = Server(process, f"http://127.0.0.1:{port}", log)
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.close()

    def copy_to(self, folder: Path) -> "Installation":
        """Copy an SQLite installation that no process uses."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return on_sqlite(folder)

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a process of this installation, with additional settings."""
        # Cache compiled modules even if the machine turns that off: many processes start here with the same imports.
        without = {"PYTHONDONTWRITEBYTECODE"}
        ours = {"database_url": self.database_url, "model_store": self.store or str(self.models)} | settings
        theirs = {
            name: value for name, value in os.environ.items() if name not in without and not name.startswith("MATINEE_")
        }
        return theirs | dict(self.variables) | {f"MATINEE_{name.upper()}": value for name, value in ours.items()}


def on_sqlite(folder: Path) -> Installation:
    """Return an installation whose database is a file in its folder."""
    return Installation(folder, f"sqlite:///{folder}/matinee.db")
