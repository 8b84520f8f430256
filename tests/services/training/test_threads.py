import subprocess
import sys

SCRIPT = """
from threadpoolctl import threadpool_info
from server.services.training.threads import limit_threads
with limit_threads(1):
    from scipy.linalg.lapack import spotrf
    print({library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"})
"""


def test_the_limit_reaches_the_libraries_of_numpy_and_of_scipy() -> None:
    # A process of its own, because this one has SciPy loaded.
    printed = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "{1}"
