"""Two servers that leave trainings to two workers: on SQLite and a folder, and on PostgreSQL and S3."""

import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.conftest import DATABASES
from tests.support import postgres, s3
from tests.support.installation import API, MATINEE, Installation
from tests.support.waiting import DEADLINE_S, poll, wait_until

RECOMMENDED = f"{API}/user/3/recommended-movies?n=50"
STARTED = re.compile(r"training run (\d+) started in process (\d+)")


@pytest.fixture(params=DATABASES)
def installation(request: pytest.FixtureRequest, trained_demo: Installation, tmp_path: Path) -> Iterator[Installation]:
    """A demo with model version 1 on each kind of database, and with an empty store on S3 for PostgreSQL."""
    if request.param == "sqlite":
        yield trained_demo.copy_to(tmp_path)
        return
    demo: Installation = request.getfixturevalue("trained_demo_on_postgresql")
    template, server = make_url(demo.database_url).database, request.getfixturevalue("postgres_server")
    name = f"worker_{uuid.uuid4().hex[:12]}"
    with postgres.database(server, name, template=str(template)) as url, s3.running_server() as variables:
        yield Installation(tmp_path, url.render_as_string(hide_password=False), "s3://matinee/models", variables)


class Worker:
    """A running `matinee worker`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def find_trainer(self, run_id: str) -> int | None:
        """Return the process id of a run's trainer, if this worker has started it."""
        return next((int(pid) for run, pid in STARTED.findall(self.log.read_text()) if run == run_id), None)


@contextmanager
def worker(installation: Installation, name: str) -> Iterator[Worker]:
    """Run a worker for the length of a block."""
    log = installation.folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [MATINEE, "worker"],
            cwd=installation.folder,
            env=installation.environment(algorithm="popularity"),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "waits for trainings" in log.read_text())
        yield Worker(process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=DEADLINE_S) == 0, log.read_text()


def test_a_worker_takes_over_and_every_server_has_the_model(installation: Installation) -> None:
    # The fast algorithm is live, because a better model would keep the next one of it from being activated.
    installation.run("train", "--algorithm", "popularity", "--activate")
    with ExitStack() as stack:
        servers = [stack.enter_context(installation.serve(training="worker", algorithm="popularity")) for _ in range(2)]
        workers = [stack.enter_context(worker(installation, f"worker-{number}")) for number in range(2)]

        first = servers[0].start_training()
        run_id = first.rsplit("/", 1)[-1]
        trainer, trains = poll(
            lambda: next(((pid, each) for each in workers if (pid := each.find_trainer(run_id)) is not None), None)
        )
        following = {server.start_training() for server in servers for _ in range(5)}
        os.kill(trains.process.pid, signal.SIGKILL)
        trains.process.wait()
        ended = servers[1].wait_for_end(first)
        follower = max(following, key=lambda path: int(path.rsplit("/", 1)[-1]))
        succeeded = servers[1].wait_for_end(follower)

        # The killed worker's trainer may have been about to end; otherwise its run fails within seconds.
        assert ended["status"] in {"failed", "succeeded"}
        assert len(following) <= 2
        assert (succeeded["status"], succeeded["error"]) == ("succeeded", None)
        for server in servers:
            server.wait_for_version(succeeded["version"])
        lists = [server.client.get(RECOMMENDED) for server in servers]
        assert {each.headers["X-Model-Version"] for each in lists} == {str(succeeded["version"])}
        assert lists[0].json() == lists[1].json()
        wait_until(lambda: not _is_alive(trainer))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
