"""Child processes: start a training, exit with the parent, lower the priority."""

import logging
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from server.backend.config import Settings

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 5
"""Seconds that a training process gets to record that it was stopped."""

STDIN = 0

NICENESS = 10
"""A training gets about a tenth of the CPU time of a busy server beside it: enough to finish on a busy machine."""

PROGRESS_LINE = re.compile(r"progress (\S+) (\S+)\n")


class TrainingProcess:
    """``matinee train --run N`` in a process of its own.

    Its standard input is a pipe that nobody writes to. When this process ends for any reason, the operating system
    closes the pipe, and the training notices (see `on_stdin_closed`). It writes its progress to its standard output
    (see `report_progress`), so it needs the database only to read ratings and to end its run.
    """

    def __init__(self, run_id: int, settings: Settings, *, lowers_priority: bool = True) -> None:
        self.run_id = run_id
        self.progress: tuple[str, float] = ("starting", 0.0)
        """The stage and the share of the work that is done."""
        options = [] if lowers_priority else ["--normal-priority"]
        self._process = subprocess.Popen(  # noqa: S603 (our own command, and a number)
            # With -P a file server.py in the working directory cannot shadow this package.
            [sys.executable, "-P", "-m", "server.cli", "train", "--run", str(run_id), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | settings.as_environment(),
            # Ctrl-C on the terminal goes to the server alone, which then stops its training.
            start_new_session=True,
        )
        threading.Thread(target=self._read_progress, name=f"training-run-{run_id}", daemon=True).start()
        logger.info("training run %d started in process %d", run_id, self._process.pid)

    def find_end(self) -> str | None:
        """Return how the process ended, or None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        self._close_pipe()
        if code < 0:
            return f"The training process was ended by signal {-code}."
        return f"The training process ended with exit code {code}."

    def stop(self) -> None:
        """End the process: by closing the pipe, and after a timeout by force."""
        self._close_pipe()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once, by force."""
        self._process.kill()
        self._process.wait()

    def _read_progress(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 (it is a pipe)
        with self._process.stdout as output:
            for line in output:
                if found := PROGRESS_LINE.fullmatch(line):
                    self.progress = (found[1], float(found[2]))

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


def report_progress(stage: str, progress: float) -> None:
    """In a training process: report the progress to the server that started it."""
    # A server that was killed reads nothing any more. `on_stdin_closed` notices its end.
    with suppress(BrokenPipeError):
        sys.stdout.write(f"progress {stage} {progress}\n")
        sys.stdout.flush()


def on_stdin_closed(callback: Callable[[], None]) -> None:
    """Call `callback` once standard input is closed: a pipe that the parent process holds and never writes to."""

    def wait() -> None:
        # Not through sys.stdin, whose lock would still be held when this process exits.
        os.read(STDIN, 1)
        callback()

    threading.Thread(target=wait, name="stdin-watch", daemon=True).start()


def exit_with_parent() -> None:
    """Send this process SIGTERM once its multiprocessing parent has ended. Without such a parent do nothing."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def lower_thread_priority() -> None:
    """Lower the priority of the calling thread, on systems where threads have one of their own."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # Raising a lower priority would need privileges.
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def lower_priority() -> None:
    """Lower the priority of this process, so that it mostly uses the CPU time that others leave."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    # With autogroup scheduling, nice only competes within a session, so lower the session's own weight too.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS), encoding="ascii")
