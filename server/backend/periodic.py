"""Background threads that call a function at a fixed interval, or when they are woken."""

import logging
import threading
from collections.abc import Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 2
"""Seconds that `stop` waits for a task. A task that waits for the database must not delay the end of the process."""

Task = Callable[[], None]


class PeriodicTasks:
    """Calls each task after every interval in seconds, each in a thread of its own, so that none waits for another.

    A task whose interval is None is called only when it is woken.
    """

    def __init__(self, intervals_s: Mapping[Task, float | None], *, stop_timeout_s: float = STOP_TIMEOUT_S) -> None:
        self._stop_timeout_s = stop_timeout_s
        self._is_stopped = False
        self._due = {task: threading.Event() for task in intervals_s}
        self._threads = [
            threading.Thread(target=self._repeat, args=(task, interval_s), name=task.__qualname__, daemon=True)
            for task, interval_s in intervals_s.items()
        ]

    def start(self) -> None:
        """Start the threads. The first calls come after the first interval."""
        for thread in self._threads:
            thread.start()

    def wake(self, task: Task) -> None:
        """Call a task now, or again after its current call."""
        self._due[task].set()

    def stop(self) -> None:
        """Stop after the current calls, or after the timeout without waiting for them."""
        self._is_stopped = True
        for due in self._due.values():
            due.set()
        for thread in self._threads:
            thread.join(self._stop_timeout_s)

    def _repeat(self, task: Task, interval_s: float | None) -> None:
        due = self._due[task]
        while True:
            due.wait(interval_s)
            due.clear()
            if self._is_stopped:
                return
            self._attempt(task)

    @staticmethod
    def _attempt(task: Task) -> None:
        try:
            task()
        except SQLAlchemyError as error:
            logger.warning("%s could not reach the database and will be retried: %s", task.__qualname__, error)
        except Exception:
            # If one failure ended the thread, the process would serve an outdated model from then on.
            logger.exception("%s failed and will be retried", task.__qualname__)
