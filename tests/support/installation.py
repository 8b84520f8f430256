"""A Matinee of a test's own: a folder, a database, the command line, and servers as processes on free ports."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from httpx2 import Client, TransportError

from tests.support.postgres import free_port

API = "/api/rest/v1"
ENGINE = f"{API}/recommendation-engine"
MATINEE = Path(sys.executable).with_name("matinee")
ENDED = {"succeeded", "failed"}

AnswerT = TypeVar("AnswerT")


def poll(question: Callable[[], AnswerT | None], *, within_s: float = 90) -> AnswerT:
    """Ask again and again until there is an answer, and give it; fail when there is none in time."""
    deadline = time.monotonic() + within_s
    while (answer := question()) is None:
        assert time.monotonic() < deadline, f"no answer within {within_s} s"
        time.sleep(0.1)
    return answer


class Server:
    """A running `matinee serve`, and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], address: str, log: Path) -> None:
        self.process = process
        self.address = address
        self.log = log
        self.client = Client(base_url=address, timeout=60)

    def wait_until_ready(self) -> None:
        """Return once it answers; fail with its log when it ends instead."""
        poll(self._find_readiness)

    def end(self, signal_number: int) -> int:
        """Send it a signal, and give its exit code."""
        self.process.send_signal(signal_number)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        """Stop it, if it still runs: in good order, which must succeed, or else by force with all its workers."""
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
        """Ask for a training and give its run's path."""
        response = self.client.post(ENGINE)
        assert (response.status_code, response.content) == (202, b"")
        return response.headers["Location"]

    def get_run(self, run: str) -> dict[str, Any]:
        """Give the run document."""
        response = self.client.get(run)
        assert response.status_code == 200
        document: dict[str, Any] = response.json()
        return document

    def wait_for_end(self, run: str) -> dict[str, Any]:
        """Give the run document once the run has ended."""
        return poll(lambda: self.find_run(run, ENDED))

    def find_run(self, run: str, statuses: set[str]) -> dict[str, Any] | None:
        """Give the run document if the run has one of these statuses."""
        document = self.get_run(run)
        return document if document["status"] in statuses else None

    def wait_for_version(self, version: int) -> None:
        """Return once the process that answers serves this version."""
        poll(lambda: self.client.get("/readyz").json()["model_version"] == version or None)

    def wait_for_trainer(self, run: str) -> int:
        """Give the process id of a run's trainer, as the log tells it, once it has been started."""
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
    """Where everything of one Matinee is."""

    folder: Path
    database_url: str

    @property
    def models(self) -> Path:
        """The folder of the model store."""
        return self.folder / "models"

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run the command line to its end, which must be a good one, and give what it printed."""
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
        """Run a server for the length of a block, with these settings beside the installation's own."""
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
        """Give a copy of an installation on SQLite that nothing runs on."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return on_sqlite(folder)

    def environment(self, **settings: str) -> dict[str, str]:
        """Give the variables for a process of this installation, by keyword with settings of its own."""
        # Compiled modules are kept whatever the machine's habit: many processes start here, each with the same imports.
        without = {"PYTHONDONTWRITEBYTECODE"}
        ours = {"database_url": self.database_url, "model_store": str(self.models)} | settings
        theirs = {
            name: value for name, value in os.environ.items() if name not in without and not name.startswith("MATINEE_")
        }
        return theirs | {f"MATINEE_{name.upper()}": value for name, value in ours.items()}


def on_sqlite(folder: Path) -> Installation:
    """Give an installation whose database is a file in its folder."""
    return Installation(folder, f"sqlite:///{folder}/matinee.db")
