"""Independent parts of a computation on several threads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")

_threads: ContextVar[tuple[int, ThreadpoolController | None]] = ContextVar("threads", default=(1, None))


@contextmanager
def using_threads(n: int, controller: ThreadpoolController) -> Iterator[None]:
    """Let `in_threads` use this number of threads in a block; ``controller`` limits those of linear algebra."""
    token = _threads.set((n, controller))
    try:
        yield
    finally:
        _threads.reset(token)


def in_threads(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Call functions that write to different places at the same time, and return their results in order.

    NumPy and SciPy release the GIL in their loops. Inside, linear algebra has one thread: two threads with two each
    would wait for one another. The results do not depend on the number of threads.
    """
    n, controller = _threads.get()
    if controller is None or min(n, len(tasks)) < 2:
        return [task() for task in tasks]
    with controller.limit(limits=1), ThreadPoolExecutor(min(n, len(tasks))) as pool:
        return list(pool.map(lambda task: task(), tasks))
