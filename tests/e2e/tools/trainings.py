"""``make chaos``: trainings on a busy machine, and with suspended processes. All must succeed, one at a time.

    python -m tests.e2e.tools.trainings [--suspensions N]

It prints a table; the exit code is 1 if a training failed or two trainers ran at once. It takes about ten minutes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.support.installation import Installation, Server, on_sqlite
from tests.support.suspension import suspended

BUSY_LOOPS = 10
BUSY_LEASE_S = 10
SUSPENSION_LEASE_S = 3
LEASES_SUSPENDED = 2.0
SAMPLE_S = 0.1


@dataclass
class Trainings:
    """The trainings of a scenario."""

    name: str
    succeeded: int = 0
    failed: int = 0
    trainers_at_once: int = 0
    duration_s: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether all succeeded, one at a time."""
        return self.failed == 0 and self.trainers_at_once == 1

    def train(self, server: Server, disturb: Callable[[int], None] = lambda _trainer: None) -> None:
        """Train once; `disturb` is called with the id of the training process."""
        run = server.start_training()
        disturb(server.wait_for_trainer(run))
        has_succeeded = server.wait_for_end(run)["status"] == "succeeded"
        self.succeeded += has_succeeded
        self.failed += not has_succeeded


def train_on_a_busy_core(installation: Installation, outcome: Trainings) -> None:
    """Train with two servers on one core, which ten endless loops keep busy."""
    with on_one_core(), ExitStack() as stack:
        loops = [stack.enter_context(_endless_loop()) for _ in range(BUSY_LOOPS)]
        servers = [
            stack.enter_context(installation.serve(training_lease_s=str(BUSY_LEASE_S), request_timeout_s="600"))
            for _ in range(2)
        ]
        with _watched(servers, outcome):
            outcome.train(servers[0])
        assert all(loop.poll() is None for loop in loops)


def suspend_machine(installation: Installation, outcome: Trainings) -> None:
    """Train while the server and its trainer are suspended together, as on a laptop that sleeps."""
    with installation.serve(training_lease_s=str(SUSPENSION_LEASE_S)) as server, _watched([server], outcome):
        outcome.train(server, lambda trainer: _suspend(server.process.pid, trainer))


def suspend_server(installation: Installation, outcome: Trainings) -> None:
    """Train while the server that started the training is suspended, and another server observes it."""
    lease = {"training_lease_s": str(SUSPENSION_LEASE_S)}
    with (
        installation.serve(**lease) as server,
        installation.serve(training="worker", **lease) as other,
        _watched([server, other], outcome),
    ):
        outcome.train(server, lambda _trainer: _suspend(server.process.pid))


def suspend_trainer(installation: Installation, outcome: Trainings) -> None:
    """Train while the trainer is suspended, and its server is not."""
    with installation.serve(training_lease_s=str(SUSPENSION_LEASE_S)) as server, _watched([server], outcome):
        outcome.train(server, _suspend)


@contextmanager
def on_one_core() -> Iterator[None]:
    """Let the processes that a block starts use one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _suspend(*process_ids: int) -> None:
    with suspended(*process_ids):
        time.sleep(LEASES_SUSPENDED * SUSPENSION_LEASE_S)


@contextmanager
def _endless_loop() -> Iterator[subprocess.Popen[bytes]]:
    # In a session of its own, as the processes of another user.
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _watched(servers: list[Server], outcome: Trainings) -> Iterator[None]:
    """Record the largest number of training processes at one time, and the duration of a block."""
    ended, started = threading.Event(), time.monotonic()

    def count() -> None:
        while not ended.wait(SAMPLE_S):
            trainers = sum(_count_trainers(server.process.pid) for server in servers)
            outcome.trainers_at_once = max(outcome.trainers_at_once, trainers)

    observer = threading.Thread(target=count)
    observer.start()
    try:
        yield
    finally:
        ended.set()
        observer.join()
        outcome.duration_s += time.monotonic() - started


def _count_trainers(server_id: int) -> int:
    children = [child for task in Path(f"/proc/{server_id}/task").glob("*/children") for child in _read(task).split()]
    return sum("\0--run\0" in _read(Path(f"/proc/{child}/cmdline")) for child in children)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""  # the process has ended


def main() -> None:
    """Run the scenarios and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.tools.trainings", description="Train under unfavourable conditions."
    )
    parser.add_argument("--suspensions", type=int, default=10, help="of each kind (default: %(default)s)")
    options = parser.parse_args()
    suspension = f"for {LEASES_SUSPENDED * SUSPENSION_LEASE_S:.0f} s, lease {SUSPENSION_LEASE_S} s"
    scenarios: list[tuple[str, int, Callable[[Installation, Trainings], None]]] = [
        (f"one core, {BUSY_LOOPS} busy loops, two servers, lease {BUSY_LEASE_S} s", 1, train_on_a_busy_core),
        (f"server and trainer suspended {suspension}", options.suspensions, suspend_machine),
        (f"server suspended {suspension}, beside another", options.suspensions, suspend_server),
        (f"trainer suspended {suspension}", options.suspensions, suspend_trainer),
    ]
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        demo = on_sqlite(Path(folder))
        demo.run("ingest", "demo")
        for name, rounds, scenario in scenarios:
            outcomes.append(outcome := Trainings(name))
            for _ in range(rounds):
                scenario(demo, outcome)
            Console(stderr=True).print(outcome)
    table = Table("trainings", box=None, header_style="bold")
    for column in ("succeeded", "failed", "trainers at once", "s"):
        table.add_column(column, justify="right")
    for outcome in outcomes:
        counts = (outcome.succeeded, outcome.failed, outcome.trainers_at_once)
        table.add_row(outcome.name, *map(str, counts), f"{outcome.duration_s:.0f}")
    Console(width=120).print(table)
    sys.exit(not all(outcome.is_clean for outcome in outcomes))


if __name__ == "__main__":
    main()
