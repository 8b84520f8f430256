import logging
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from server.backend.periodic import PeriodicTasks, logger
from tests.support.tables import for_each
from tests.support.waiting import DEADLINE_S


class Task:
    """Counts its calls; its first calls raise the given errors."""

    def __init__(self, *errors: Exception) -> None:
        self.__qualname__ = "Task"
        self.errors = list(errors)
        self.calls = 0
        self._called = threading.Condition()

    def __call__(self) -> None:
        with self._called:
            self.calls += 1
            self._called.notify_all()
        if self.errors:
            raise self.errors.pop(0)

    def wait_for_call(self, number: int) -> bool:
        with self._called:
            return self._called.wait_for(lambda: self.calls >= number, timeout=DEADLINE_S)


class LevelHandler(logging.Handler):
    """Collects the level of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.levels.append(record.levelname)


@pytest.fixture
def levels() -> Iterator[list[str]]:
    """The levels that the tasks log, independent of the logging configuration."""
    handler = LevelHandler()
    logger.addHandler(handler)
    yield handler.levels
    logger.removeHandler(handler)


def test_every_task_is_called_repeatedly_until_the_stop() -> None:
    tasks = [Task(), Task()]
    periodic = PeriodicTasks(dict.fromkeys(tasks, 0.001))

    periodic.start()
    called = [task.wait_for_call(3) for task in tasks]
    periodic.stop()

    assert called == [True, True]
    assert "Task" not in {thread.name for thread in threading.enumerate()}


def test_no_task_is_called_if_stopped_within_the_first_interval() -> None:
    task = Task()
    periodic = PeriodicTasks({task: 60})

    periodic.start()
    periodic.stop()

    assert task.calls == 0


@for_each(
    ("error", "level"),
    [(OperationalError("SELECT 1", {}, Exception("gone")), "WARNING"), (ZeroDivisionError("a bug"), "ERROR")],
)
def test_a_failing_task_is_retried_and_does_not_delay_the_others(
    levels: list[str], error: Exception, level: str
) -> None:
    levels.clear()
    failing, healthy = Task(error, error), Task()
    periodic = PeriodicTasks({failing: 0.001, healthy: 0.001})

    periodic.start()
    called = failing.wait_for_call(3) and healthy.wait_for_call(3)
    periodic.stop()

    assert called
    assert levels == [level] * 2


def test_a_slow_task_delays_neither_the_others_nor_the_stop() -> None:
    answered = threading.Event()
    healthy = Task()

    def wait_for_an_answer() -> None:
        answered.wait(timeout=DEADLINE_S)

    periodic = PeriodicTasks({wait_for_an_answer: 0.001, healthy: 0.001}, stop_timeout_s=0.01)

    periodic.start()
    called = healthy.wait_for_call(3)
    periodic.stop()

    was_still_waiting = not answered.is_set()
    answered.set()
    assert called
    assert was_still_waiting
