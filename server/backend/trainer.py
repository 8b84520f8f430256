"""The training process: started by a serving process, never outliving it."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable

from server.backend.config import Settings

logger = logging.getLogger(__name__)

# How long a training process gets to write down that it was stopped.
FAREWELL_S = 5
STANDARD_INPUT = 0


class TrainingProcess:
    """``matinee train --run N`` in a process of its own.

    Its standard input is a pipe that nobody writes to: when this process ends, however it ends, the operating system
    closes the pipe, and the training knows that it is alone (see `when_parent_ends`).
    """

    def __init__(self, run_id: int, settings: Settings) -> None:
        self.run_id = run_id
        self._process = subprocess.Popen(  # noqa: S603 (our own command, and a number)
            [sys.executable, "-m", "server.cli", "train", "--run", str(run_id)],
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


def when_parent_ends(call: Callable[[], None]) -> None:
    """In a training process: call once the process that started it is gone."""

    def wait() -> None:
        # Past Python's own buffer, whose lock would still be held when this process ends.
        os.read(STANDARD_INPUT, 1)
        call()

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
