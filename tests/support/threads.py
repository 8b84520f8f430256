"""Running calls at the same time."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.support.waiting import DEADLINE_S

ResultT = TypeVar("ResultT")


def at_once(calls: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
    """Run each call in its own thread, all released at the same moment, and return their results."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], ResultT]) -> ResultT:
        barrier.wait(timeout=DEADLINE_S)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
