"""Processes that do not outlive the one that started them, however that one ends."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable

STANDARD_INPUT = 0


def when_input_closes(call: Callable[[], None]) -> None:
    """Call once standard input, a pipe that the starting process holds and never writes to, is closed."""

    def wait() -> None:
        # Past Python's own buffer, whose lock would still be held when this process ends.
        os.read(STANDARD_INPUT, 1)
        call()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def end_with_parent() -> None:
    """In a worker of a server: stop as on SIGTERM once the server's main process is gone. Elsewhere nothing happens."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
