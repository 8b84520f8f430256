"""Child processes: start a training, exit with the parent, lower the priority."""

import logging
import multiprocessing
import os
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

LOWEST_PRIORITY = 19


class TrainingProcess:
    """``matinee train --run N`` in a process of its own.

    Its standard input is a pipe that nobody writes to. When this process ends, in whatever way, the operating system
    closes the pipe, and the training notices (see `on_stdin_closed`).
    """

    def __init__(self, run_id: int, settings: Settings) -> None:
        self.run_id = run_id
        self._process = subprocess.Popen(  # noqa: S603 (our own command, and a number)
            # With -P a file server.py in the working directory cannot shadow this package.
            [sys.executable, "-P", "-m", "server.cli", "train", "--run", str(run_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | settings.as_environment(),
            # Ctrl-C on the terminal goes to the server alone, which then stops its training.
            start_new_session=True,
        )
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

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


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


def lower_priority() -> None:
    """Give this process the lowest priority, so that it only uses the CPU time that others leave."""
    if hasattr(os, "nice"):
        os.nice(LOWEST_PRIORITY)
    # With autogroup scheduling, nice only competes within a session, so lower the session's own weight too.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LOWEST_PRIORITY), encoding="ascii")
