"""Sums of a few rows of a large sparse matrix, without making a new matrix for each."""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

ROWS_AT_ONCE = 128


class SparseRowAccumulator:
    """Adds up rows of a matrix whose rows all have as many entries.

    The rows are copied to where a matrix of SciPy's stands ready, once for each thread: to make one takes as long as
    half of the sum. Threads may share it.
    """

    def __init__(self, columns: NDArray[np.int32], entries: NDArray[np.float32], n_columns: int) -> None:
        self.columns = columns
        """Rows by entries of a row: the column of each."""
        self.entries = entries
        self.n_columns = n_columns
        width = columns.shape[1]
        self._starts = np.arange(0, ROWS_AT_ONCE * width + 1, width, dtype=np.int32)
        self._of_thread = threading.local()

    def add_up(self, rows: NDArray[np.integer[Any]], factors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add up some rows, each times a factor: the sums by column."""
        sums = np.zeros(self.n_columns, np.float32)
        for start in range(0, rows.size, ROWS_AT_ONCE):
            few = slice(start, start + ROWS_AT_ONCE)
            sums += self._add_up_few(rows[few], factors[few])
        return sums

    def _add_up_few(self, rows: NDArray[np.integer[Any]], factors: NDArray[np.float32]) -> NDArray[np.float32]:
        matrix, width = self._matrix(), self.columns.shape[1]
        # "clip" spares a copy; there is nothing to be clipped.
        self.entries.take(rows, axis=0, out=matrix.data.reshape(-1, width)[: rows.size], mode="clip")
        self.columns.take(rows, axis=0, out=matrix.indices.reshape(-1, width)[: rows.size], mode="clip")
        # What was there before lies behind the end.
        matrix.indptr = np.minimum(self._starts, np.int32(rows.size * width))
        padded = np.zeros(ROWS_AT_ONCE, np.float32)
        padded[: rows.size] = factors
        sums: NDArray[np.float32] = matrix @ padded
        return sums

    def _matrix(self) -> Any:  # noqa: ANN401 (csc_array, of which the stubs do not know that its parts can be set)
        """Give this thread's matrix: transposed, columns by `ROWS_AT_ONCE`."""
        if not hasattr(self._of_thread, "matrix"):
            size = self._starts[-1]
            parts = np.zeros(size, np.float32), np.zeros(size, np.int32), self._starts
            self._of_thread.matrix = csc_array(parts, shape=(self.n_columns, ROWS_AT_ONCE))
        return self._of_thread.matrix
