"""Handlers on the event loop, and the bounds that keep it responsive."""

import threading

import anyio
import pytest

from server.backend.engines import COSTLY_READS
from server.errors import TooBusy
from server.web.inline import MAX_WAITING, InlineGuard, runs_inline
from server.web.state import RequestSession, current_session
from tests.support.fake_state import FakeSession
from tests.support.tables import for_each
from tests.support.waiting import wait_until

LIMIT_S = 0.05


def is_worker(name: str) -> bool:
    return name.startswith("AnyIO worker")


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@for_each("is_quick", [True, False])
def test_a_handler_runs_on_the_event_loop_only_when_its_work_is_small(*, is_quick: bool) -> None:
    @runs_inline(when=lambda **_: is_quick)
    def handle() -> str:
        return threading.current_thread().name

    async def call() -> str:
        current_session.set(RequestSession(FakeSession))
        return await handle()

    assert is_worker(anyio.run(call)) != is_quick


def test_a_slow_handler_moves_to_threads_for_a_while() -> None:
    clock = Clock()

    @runs_inline(when=lambda **_: True, guard=InlineGuard(limit_s=LIMIT_S, banned_calls=2, clock=clock))
    def handle(duration_s: float) -> bool:
        clock.now_s += duration_s
        return is_worker(threading.current_thread().name)

    async def call_in_turn() -> list[bool]:
        current_session.set(RequestSession(FakeSession))
        return [await handle(duration_s=duration_s) for duration_s in (0.01, 0.06, 0.01, 0.01, 0.01)]

    assert anyio.run(call_in_turn) == [False, False, True, True, False]


def test_a_handler_that_fails_slowly_is_banned_too() -> None:
    clock = Clock()
    guard = InlineGuard(limit_s=LIMIT_S, banned_calls=1, clock=clock)

    def fail() -> None:
        clock.now_s += 0.06
        raise RuntimeError

    with pytest.raises(RuntimeError):
        guard.run(fail)

    assert [guard.admits(), guard.admits()] == [False, True]


def test_costly_reads_are_few_at_a_time_and_one_too_many_is_refused() -> None:
    release = threading.Event()
    running: list[int] = []

    @runs_inline(when=lambda **_: False, is_costly=lambda **_: True)
    def handle() -> None:
        running.append(1)
        release.wait()

    async def call_many() -> int:
        current_session.set(RequestSession(FakeSession))
        async with anyio.create_task_group() as tasks:
            for _ in range(COSTLY_READS + MAX_WAITING):
                tasks.start_soon(handle)
            await anyio.to_thread.run_sync(wait_until, lambda: len(running) == COSTLY_READS)
            with pytest.raises(TooBusy):
                await handle()
            were_running = len(running)
            release.set()
        return were_running

    assert anyio.run(call_many) == COSTLY_READS
    assert len(running) == COSTLY_READS + MAX_WAITING
