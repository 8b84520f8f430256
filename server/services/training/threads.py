"""The number of threads of a training."""

from threadpoolctl import threadpool_limits


def limit_threads(n: int) -> threadpool_limits:
    """Limit the threads of NumPy's and SciPy's linear algebra until the end of the context.

    A limit reaches only libraries that are loaded already. SciPy has a BLAS of its own, which its first import loads.
    """
    import scipy.linalg  # noqa: F401, PLC0415 (slow to import; other commands never solve)

    return threadpool_limits(n)
