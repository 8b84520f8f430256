"""Work that is measured in a process of its own: what is the peak of that process's memory is then the work's."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Cost(Generic[T]):
    """What some work gave, and what it took."""

    result: T
    seconds: float
    peak_mb: float


def measure(work: Callable[..., T], *arguments: Any) -> Cost[T]:  # noqa: ANN401 (whatever the work takes)
    """Do some work in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure_here, work, *arguments).result()


def _measure_here(work: Callable[..., T], *arguments: Any) -> Cost[T]:  # noqa: ANN401 (as above)
    started = time.perf_counter()
    result = work(*arguments)
    seconds = time.perf_counter() - started
    return Cost(result, seconds, peak_mb())


def peak_mb() -> float:
    """Give the most that this process has had in memory."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    # Linux hands `ru_maxrss` down: it is never less than what the process that started this one had in memory then.
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1000
