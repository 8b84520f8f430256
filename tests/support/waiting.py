"""Waiting for conditions. Tests never wait for a fixed time, so a busy machine only makes them slower."""

import time
from collections.abc import Callable
from typing import TypeVar

AnswerT = TypeVar("AnswerT")

DEADLINE_S = 600.0
"""Fail after this time. Only a hang reaches it: a training, which has the lowest priority, may take minutes."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.25
_PAUSE_SHARE = 0.1
"""A pause is this part of the time waited so far: each question may be a request to a server."""


def poll(question: Callable[[], AnswerT | None], *, within_s: float = DEADLINE_S) -> AnswerT:
    """Call `question` until it returns something other than None, and return that."""
    started = time.monotonic()
    while (answer := question()) is None:
        waited = time.monotonic() - started
        assert waited < within_s, f"no answer within {within_s} s"
        time.sleep(min(max(_SHORTEST_PAUSE_S, waited * _PAUSE_SHARE), _LONGEST_PAUSE_S))
    return answer


def wait_until(condition: Callable[[], bool], *, within_s: float = DEADLINE_S) -> None:
    """Return when `condition` holds."""
    poll(lambda: condition() or None, within_s=within_s)
