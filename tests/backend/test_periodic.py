import logging
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from server.backend import periodic as refresher_module
from server.backend.periodic import PeriodicTasks, logger
from tests.support.waiting import DEADLINE_S


class Task:
    """Counts its calls, and lets wait for them; fails at the first ones where it is told to."""

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
    """Notes the level of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.levels.append(record.levelname)


@pytest.fixture
def levels() -> Iterator[list[str]]:
    """Give the levels of what the refresher logs, however logging is set up."""
    handler = LevelHandler()
    logger.addHandler(handler)
    yield handler.levels
    logger.removeHandler(handler)


def test_every_task_is_called_again_and_again_until_the_stop() -> None:
    tasks = [Task(), Task()]
    refresher = PeriodicTasks(tasks, interval_s=0.001)

    refresher.start()
    called = [task.wait_for_call(3) for task in tasks]
    refresher.stop()

    assert called == [True, True]
    assert "Task" not in {thread.name for thread in threading.enumerate()}


def test_a_refresher_that_was_stopped_before_the_first_round_has_done_nothing() -> None:
    task = Task()
    refresher = PeriodicTasks([task], interval_s=60)

    refresher.start()
    refresher.stop()

    assert task.calls == 0


@pytest.mark.parametrize(
    ("error", "level"),
    [(OperationalError("SELECT 1", {}, Exception("gone")), "WARNING"), (ZeroDivisionError("a bug"), "ERROR")],
    ids=["no database", "a bug"],
)
def test_a_task_that_fails_is_tried_again_and_holds_nobody_up(levels: list[str], error: Exception, level: str) -> None:
    failing, sound = Task(error, error), Task()
    refresher = PeriodicTasks([failing, sound], interval_s=0.001)

    refresher.start()
    called = failing.wait_for_call(3) and sound.wait_for_call(3)
    refresher.stop()

    assert called
    assert levels == [level] * 2


def test_a_task_that_takes_long_holds_up_neither_the_others_nor_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresher_module, "STOP_TIMEOUT_S", 0.01)
    answered = threading.Event()
    sound = Task()

    def wait_for_an_answer() -> None:
        answered.wait(timeout=DEADLINE_S)

    refresher = PeriodicTasks([wait_for_an_answer, sound], interval_s=0.001)

    refresher.start()
    called = sound.wait_for_call(3)
    refresher.stop()

    was_still_waiting = not answered.is_set()
    answered.set()
    assert called
    assert was_still_waiting
