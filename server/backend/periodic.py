"""Background threads that call a function at a fixed interval."""

import logging
import threading
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 2
"""Seconds that `stop` waits for a task. A task that waits for the database must not delay the end of the process."""


class PeriodicTasks:
    """Calls each task every `interval_s` seconds, each in a thread of its own, so that none waits for another."""

    def __init__(
        self, tasks: Sequence[Callable[[], None]], interval_s: float, *, stop_timeout_s: float = STOP_TIMEOUT_S
    ) -> None:
        self._interval_s = interval_s
        self._stop_timeout_s = stop_timeout_s
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(task,), name=task.__qualname__, daemon=True) for task in tasks
        ]

    def start(self) -> None:
        """Start the threads. The first calls come after the first interval."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the current calls, or after the timeout without waiting for them."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(self._stop_timeout_s)

    def _repeat(self, task: Callable[[], None]) -> None:
        while not self._stopped.wait(self._interval_s):
            self._attempt(task)

    @staticmethod
    def _attempt(task: Callable[[], None]) -> None:
        try:
            task()
        except SQLAlchemyError as error:
            logger.warning("%s could not reach the database and will be retried: %s", task.__qualname__, error)
        except Exception:
            # If one failure ended the thread, the process would serve an outdated model from then on.
            logger.exception("%s failed and will be retried", task.__qualname__)
