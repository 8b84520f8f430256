"""Weighted sums of a few rows of a large sparse matrix: the core of every list of recommendations."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

ROWS_AT_A_TIME = 1_000
"""The copy of more rows would take as much memory as the matrix itself."""


def sum_rows(
    columns: NDArray[np.int32],
    entries: NDArray[np.float32],
    rows: NDArray[np.integer[Any]],
    factors: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the sums of some rows of a square matrix, each row times a factor: columns by factors of a row.

    Every row of the matrix has the same number of ``entries``, in the ``columns`` of the same position. The rows become
    the columns of a small matrix, which costs a copy of them; slicing a SciPy matrix would cost as much again.
    """
    sums = _sum_part(columns, entries, rows[:ROWS_AT_A_TIME], factors[:ROWS_AT_A_TIME])
    for start in range(ROWS_AT_A_TIME, rows.size, ROWS_AT_A_TIME):
        part = slice(start, start + ROWS_AT_A_TIME)
        sums += _sum_part(columns, entries, rows[part], factors[part])
    return sums


def _sum_part(
    columns: NDArray[np.int32],
    entries: NDArray[np.float32],
    rows: NDArray[np.integer[Any]],
    factors: NDArray[np.float32],
) -> NDArray[np.float32]:
    size, width = columns.shape
    starts = np.arange(0, rows.size * width + 1, width, dtype=np.int32)
    parts = entries.take(rows, axis=0).ravel(), columns.take(rows, axis=0).ravel(), starts
    sums: NDArray[np.float32] = csc_array(parts, shape=(size, rows.size)) @ factors
    return sums
