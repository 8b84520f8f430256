"""The number of threads of a training."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import ThreadpoolController

from server.recommender.data.threads import using_threads


@contextmanager
def limit_threads(n: int) -> Iterator[None]:
    """Limit the threads of a training and of NumPy's and SciPy's linear algebra until the end of the context.

    A limit reaches only libraries that are loaded already. SciPy has a BLAS of its own, which its first import loads.
    """
    import scipy.linalg  # noqa: F401, PLC0415 (slow to import; other commands never solve)

    controller = ThreadpoolController()
    with controller.limit(limits=n), using_threads(n, controller):
        yield
