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

# How long a training process gets to write down that it was stopped.
FAREWELL_S = 5

STANDARD_INPUT = 0

LEAST = 19


class TrainingProcess:
    """``matinee train --run N`` in a process of its own.

    Its standard input is a pipe that nobody writes to: when this process ends, however it ends, the operating system
    closes the pipe, and the training knows that it is alone (see `when_input_closes`).
    """

    def __init__(self, run_id: int, settings: Settings) -> None:
        self.run_id = run_id
        self._process = subprocess.Popen(  # noqa: S603 (our own command, and a number)
            # -P: a file server.py in the working directory is not us.
            [sys.executable, "-P", "-m", "server.cli", "train", "--run", str(run_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | settings.as_environment(),
            # A Ctrl-C on the terminal is for the server, which then stops its training in good order.
            start_new_session=True,
        )
        logger.info("training run %d started in process %d", run_id, self._process.pid)

    def find_end(self) -> str | None:
        """Say how the process ended, or give None while it goes on."""
        code = self._process.poll()
        if code is None:
            return None
        self._close_pipe()
        if code < 0:
            return f"The training process was ended by signal {-code}."
        return f"The training process ended with exit code {code}."

    def stop(self) -> None:
        """End the process: by the closed pipe, and if it does not listen, by force."""
        self._close_pipe()
        try:
            self._process.wait(FAREWELL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


def when_input_closes(call: Callable[[], None]) -> None:
    """Call once standard input, a pipe that the starting process holds and never writes to, is closed."""

    def wait() -> None:
        # Past Python's own buffer, whose lock would still be held when this process ends.
        os.read(STANDARD_INPUT, 1)
        call()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def exit_with_parent() -> None:
    """In a worker of a server: stop as on SIGTERM once the server's main process is gone. Elsewhere nothing happens."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def lower_priority() -> None:
    """Let all other processes go first from now on: this one takes what time they leave."""
    if hasattr(os, "nice"):
        os.nice(LEAST)
    # Linux shares time out among sessions before it does among processes, and who began one of his own is the only one
    # in it.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LEAST), encoding="ascii")
