"""Handlers on the event loop, and the bounds that keep it responsive.

Handlers are plain functions, because the drivers block, and run in threads. With SQLite some take less time than the
way to a thread and back; those may run on the event loop. Two bounds keep the loop free: a handler says by its
parameters whether its work is small, and one that was slow nevertheless is banned to threads for a while.

It moves all benchmark rows but "genre and years" and "by rating"; `--without inline` runs every handler in a thread.
"""

import functools
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar
from fastapi.concurrency import run_in_threadpool

from server.backend.engines import COSTLY_READS
from server.errors import TooBusy
from server.web.state import current_session

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

LIMIT_S = 0.05
"""A handler that uses more CPU time than this is slow."""

BANNED_CALLS = 1_000
"""It runs in threads this many times."""

MAX_WAITING = 40
"""When this many wait already, the next is answered 503."""

_costly_reads: RunVar[anyio.CapacityLimiter] = RunVar("costly_reads")


class InlineGuard:
    """Lets calls run on the event loop until one was slow; then none for a while."""

    def __init__(
        self,
        *,
        limit_s: float = LIMIT_S,
        banned_calls: int = BANNED_CALLS,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._limit_s = limit_s
        self._banned_calls = banned_calls
        self._clock = clock
        self._banned = 0

    def admits(self) -> bool:
        """Return whether this call may run on the event loop."""
        if self._banned:
            self._banned -= 1
            return False
        return True

    def run(self, call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """Run a call on the event loop, and ban the next ones if it is slow."""
        started = self._clock()
        try:
            return call(*arguments, **named)
        finally:
            self._judge(getattr(call, "__name__", "a call"), self._clock() - started)

    def _judge(self, name: str, duration_s: float) -> None:
        if duration_s > self._limit_s:
            self._banned = self._banned_calls
            logger.warning("%s kept the event loop for %.0f ms and moves to threads", name, duration_s * 1000)


def in_transaction(endpoint: Callable[P, R]) -> Callable[P, R]:
    """Wrap a handler: it runs in the request's session, which is committed and closed in the same thread.

    So no connection is held while a request waits for a thread, and no more are in use than there are threads.
    """

    @functools.wraps(endpoint)
    def call(*arguments: P.args, **named: P.kwargs) -> R:
        session = current_session.get()
        try:
            result = endpoint(*arguments, **named)
            session.commit()
        finally:
            session.close()
        return result

    return call


def _is_never(**_: object) -> bool:
    return False


def runs_in_thread(
    *, is_costly: Callable[..., bool] = _is_never
) -> Callable[[Callable[P, R]], Callable[P, Coroutine[Any, Any, R]]]:
    """Let a handler run in its transaction in a thread, few at a time if a service says that it `is_costly`.

    FastAPI would run a plain function in a thread, too, but go to a thread a second time to validate its result.
    """

    def decorate(endpoint: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
        run = in_transaction(endpoint)

        @functools.wraps(endpoint)
        async def call(*arguments: P.args, **named: P.kwargs) -> R:
            if is_costly(*arguments, **named):
                return await run_in_few_threads(run, *arguments, **named)
            return await run_in_threadpool(run, *arguments, **named)

        return call

    return decorate


async def run_in_few_threads(call: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Run a costly read in a thread, few at a time. Raises `TooBusy` if too many wait."""
    limiter = _costly_reads.get(None)
    if limiter is None:
        # Few at the same time, so that the processor is left for the others.
        limiter = anyio.CapacityLimiter(COSTLY_READS)
        _costly_reads.set(limiter)
    if limiter.statistics().tasks_waiting >= MAX_WAITING:
        raise TooBusy
    return await anyio.to_thread.run_sync(functools.partial(call, *arguments, **named), limiter=limiter)


def runs_inline(
    *,
    when: Callable[..., bool],
    is_costly: Callable[..., bool] = _is_never,
    guard: InlineGuard | None = None,
) -> Callable[[Callable[P, R]], Callable[P, Coroutine[Any, Any, R]]]:
    """Let a handler run on the event loop `when` a service says so of its parameters, else in a thread.

    It must not use the session there: a connection might have to be waited for.
    """
    guard = guard or InlineGuard()

    def decorate(endpoint: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
        run, run_in_thread = in_transaction(endpoint), runs_in_thread(is_costly=is_costly)(endpoint)

        @functools.wraps(endpoint)
        async def call(*arguments: P.args, **named: P.kwargs) -> R:
            if guard.admits() and when(*arguments, **named):
                return guard.run(run, *arguments, **named)
            return await run_in_thread(*arguments, **named)

        return call

    return decorate
