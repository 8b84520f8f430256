"""Threads that do small things again and again while a process serves."""

import logging
import threading
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

# A task that waits for the database must not hold up the end of the process.
STOP_TIMEOUT_S = 2


class PeriodicTasks:
    """Calls each task every `interval_s` seconds, in a thread of its own: none waits for another."""

    def __init__(self, tasks: Sequence[Callable[[], None]], interval_s: float) -> None:
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(task,), name=task.__qualname__, daemon=True) for task in tasks
        ]

    def start(self) -> None:
        """Begin; the first round comes after the first interval."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, after the round under way, or without it where that takes too long."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)

    def _repeat(self, task: Callable[[], None]) -> None:
        while not self._stopped.wait(self._interval_s):
            self._attempt(task)

    @staticmethod
    def _attempt(task: Callable[[], None]) -> None:
        try:
            task()
        except SQLAlchemyError as error:
            logger.warning("%s could not reach the database and is tried again: %s", task.__qualname__, error)
        except Exception:
            # The thread must outlive any one failure: without it the process would serve an old model for ever.
            logger.exception("%s failed and is tried again", task.__qualname__)
