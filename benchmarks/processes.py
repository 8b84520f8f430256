"""Measure work in a separate process, so that the peak memory of the process is that of the work."""

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
    """The result of some work, its time and its peak memory."""

    result: T
    seconds: float
    peak_mb: float


def measure(work: Callable[..., T], *arguments: Any) -> Cost[T]:  # noqa: ANN401 (any arguments)
    """Do some work in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure_here, work, *arguments).result()


def measure_here(work: Callable[..., T], *arguments: Any) -> Cost[T]:  # noqa: ANN401 (as above)
    """Do some work in this process."""
    started = time.perf_counter()
    result = work(*arguments)
    seconds = time.perf_counter() - started
    return Cost(result, seconds, peak_mb())


def peak_mb() -> float:
    """Return the peak memory of this process."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    # On Linux `ru_maxrss` is inherited: it is at least the memory of the parent process at the start.
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1000
