from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from server.recommender.algorithms.ease.sparse_sums import ROWS_AT_ONCE, SparseRowAccumulator
from tests.support.threads import at_once

N_ROWS, N_COLUMNS, WIDTH = 700, 50, 8
RANDOM = np.random.default_rng(0)
COLUMNS = np.sort([RANDOM.choice(N_COLUMNS, WIDTH, replace=False) for _ in range(N_ROWS)]).astype(np.int32)
ENTRIES = RANDOM.normal(size=COLUMNS.shape).astype(np.float32)
DENSE = np.zeros((N_ROWS, N_COLUMNS))
np.put_along_axis(DENSE, COLUMNS, ENTRIES, axis=1)


def some_rows(n: int, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    return random.permutation(N_ROWS)[:n], random.normal(size=n).astype(np.float32)


@pytest.mark.parametrize("n", [0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE + 5, N_ROWS])
def test_rows_times_factors_are_added_up_by_column(n: int) -> None:
    rows, factors = some_rows(n, seed=n)

    sums = SparseRowAccumulator(COLUMNS, ENTRIES, N_COLUMNS).add_up(rows, factors)

    np.testing.assert_allclose(sums, factors @ DENSE[rows], atol=1e-4)


def test_a_sum_has_nothing_of_the_one_before_it() -> None:
    row_sums = SparseRowAccumulator(COLUMNS, ENTRIES, N_COLUMNS)
    row_sums.add_up(*some_rows(N_ROWS, seed=1))
    rows, factors = some_rows(3, seed=2)

    np.testing.assert_allclose(row_sums.add_up(rows, factors), factors @ DENSE[rows], atol=1e-5)


def test_threads_do_not_disturb_each_other() -> None:
    row_sums = SparseRowAccumulator(COLUMNS, ENTRIES, N_COLUMNS)

    def add_up_again_and_again(seed: int) -> None:
        rows, factors = some_rows(200, seed=seed)
        for _ in range(200):
            np.testing.assert_allclose(row_sums.add_up(rows, factors), factors @ DENSE[rows], atol=1e-4)

    at_once([partial(add_up_again_and_again, seed) for seed in range(4)])
