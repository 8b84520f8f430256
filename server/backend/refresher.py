"""A thread that does small things again and again while a process serves."""

import logging
import threading
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)


class Refresher:
    """Calls each task every `interval_s` seconds, from `start` to `stop`."""

    def __init__(self, tasks: Sequence[Callable[[], None]], interval_s: float) -> None:
        self._tasks = tasks
        self._interval_s = interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refresher", daemon=True)

    def start(self) -> None:
        """Begin; the first round comes after the first interval."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the round under way."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            for task in self._tasks:
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
