from functools import partial

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.sparse_sums import sum_rows
from tests.support.tables import for_each
from tests.support.threads import at_once

SIZE, WIDTH = 700, 8
RANDOM = np.random.default_rng(0)
COLUMNS = np.sort([RANDOM.choice(SIZE, WIDTH, replace=False) for _ in range(SIZE)]).astype(np.int32)
ENTRIES = RANDOM.normal(size=COLUMNS.shape).astype(np.float32)
DENSE = np.zeros((SIZE, SIZE))
np.put_along_axis(DENSE, COLUMNS, ENTRIES, axis=1)


def some_rows(n: int, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    return random.permutation(SIZE)[:n], random.normal(size=n).astype(np.float32)


@for_each("n", [0, 1, 127, SIZE])
def test_rows_times_factors_are_added_up_by_column(n: int) -> None:
    rows, factors = some_rows(n, seed=n)

    sums = sum_rows(COLUMNS, ENTRIES, rows, factors)

    assert sums.dtype == np.float32
    np.testing.assert_allclose(sums, factors @ DENSE[rows], atol=1e-4)


def test_threads_do_not_disturb_each_other() -> None:
    def sum_repeatedly(seed: int) -> None:
        rows, factors = some_rows(200, seed=seed)
        for _ in range(200):
            np.testing.assert_allclose(sum_rows(COLUMNS, ENTRIES, rows, factors), factors @ DENSE[rows], atol=1e-4)

    at_once([partial(sum_repeatedly, seed) for seed in range(4)])
