import multiprocessing
import multiprocessing.queues
import os
import signal
import subprocess
import sys

from server.backend.processes import exit_with_parent
from tests.support.waiting import DEADLINE_S, wait_until

WATCHES_STDIN = """
import os, signal
from server.backend.processes import on_stdin_closed
on_stdin_closed(lambda: os._exit(7))
print("ready", flush=True)
signal.pause()
"""

REPORTS_PROGRESS = """
import os, sys
from server.backend.processes import report_progress
sys.stdin.read()
report_progress("fitting", 0.5)
os._exit(7)
"""

LOWERS_PRIORITY = "import os; from server.backend.processes import lower_priority; lower_priority(); print(os.nice(0))"


def test_a_process_notices_that_its_standard_input_is_closed() -> None:
    process = subprocess.Popen([sys.executable, "-c", WATCHES_STDIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    ready = process.stdout.readline()

    process.stdin.close()

    assert ready == b"ready\n"
    assert process.wait(timeout=DEADLINE_S) == 7
    process.stdout.close()


def test_progress_that_nobody_reads_does_not_fail() -> None:
    process = subprocess.Popen([sys.executable, "-c", REPORTS_PROGRESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None

    process.stdout.close()
    process.stdin.close()

    assert process.wait(timeout=DEADLINE_S) == 7


def test_a_worker_exits_when_its_parent_is_killed() -> None:
    context = multiprocessing.get_context("spawn")
    workers = context.SimpleQueue()
    parent = context.Process(target=_start_worker, args=(workers,))
    parent.start()
    worker: int = workers.get()

    assert parent.pid is not None
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()

    wait_until(lambda: not _is_alive(worker))


def test_a_process_without_a_parent_continues() -> None:
    exit_with_parent()

    assert _is_alive(os.getpid())


def test_a_process_can_lower_its_priority() -> None:
    # In a session of its own, because the priority of the session is lowered, too.
    printed = subprocess.run(
        [sys.executable, "-c", LOWERS_PRIORITY], check=True, capture_output=True, text=True, start_new_session=True
    )

    # The tests themselves may run with a low priority.
    assert int(printed.stdout) == min(os.nice(0) + 10, 19)


def _start_worker(workers: "multiprocessing.queues.SimpleQueue[int]") -> None:
    multiprocessing.get_context("spawn").Process(target=_work, args=(workers,)).start()
    signal.pause()


def _work(workers: "multiprocessing.queues.SimpleQueue[int]") -> None:
    exit_with_parent()
    workers.put(os.getpid())
    signal.pause()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
