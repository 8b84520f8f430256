"""Gram matrices of sparse rows, and the inverse of a regularised one: by the smaller side, in single precision."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

BLOCK = 512
"""Rows of a dense matrix that are worked on at a time; what is in memory beside the matrix is as small as that."""

HEAD = 768
"""So many columns are multiplied as dense ones. A dense product takes a two-hundredth of the time of a sparse one, and
a tenth of the movies have most of the ratings."""

ROWS_AT_ONCE = 16_384
"""Rows of the dense columns that are in memory at a time."""

Rows = csr_array[Any, tuple[int, int]]


class Gram:
    """Adds up ``left' right`` over parts of the rows of two matrices. Fastest where the fullest columns come first.

    Which may be one matrix: then only what is left of the diagonal is multiplied out among the dense columns.
    """

    def __init__(self, n_columns: int) -> None:
        # Filled and not np.zeros, which comes in small pages, whose first touch would cost as much as the product.
        self._sum = np.full((n_columns, n_columns), 0, np.float32)
        self._left_tails: list[Rows] = []
        self._right_tails: list[Rows] = []
        self._is_symmetric = True
        # Kept, for memory from the system costs as much as the product.
        self._buffers = np.empty((2, ROWS_AT_ONCE, min(HEAD, n_columns)), np.float32)

    def add(self, left: Rows, right: Rows | None = None) -> None:
        """Add the product of some rows of each, as many of the one as of the other; ``left' left`` without a right."""
        self._left_tails.append(left[:, HEAD:])
        if right is not None:
            self._is_symmetric = False
            self._right_tails.append(right[:, HEAD:])
        for start in range(0, left.shape[0], ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            left_head = self._head(left[rows], 0)
            right_head = left_head if right is None else self._head(right[rows], 1)
            self._sum[:HEAD, :HEAD] += left_head.T @ right_head
            self._sum[HEAD:, :HEAD] += self._left_tails[-1][rows].T @ right_head
            if right is not None:
                self._sum[:HEAD, HEAD:] += (self._right_tails[-1][rows].T @ left_head).T

    def total(self) -> NDArray[np.float32]:
        """Give the sum; nothing can be added any more."""
        if self._left_tails:
            left = vstack(self._left_tails)
            right = left.tocsr() if self._is_symmetric else vstack(self._right_tails).tocsr()
            self._left_tails, self._right_tails, self._buffers = [], [], self._buffers[:, :0]
            transposed = left.T.tocsr()
            for start in range(0, transposed.shape[0], BLOCK):
                block = self._sum[HEAD + start : HEAD + start + BLOCK, HEAD:]
                block += (transposed[start : start + BLOCK] @ right).toarray()
            if self._is_symmetric:
                self._sum[:HEAD, HEAD:] = self._sum[HEAD:, :HEAD].T
        return self._sum

    def _head(self, rows: Rows, buffer: int) -> NDArray[np.float32]:
        head: NDArray[np.float32] = rows[:, :HEAD].toarray(out=self._buffers[buffer, : rows.shape[0]])
        return head


class Ridge:
    """Gives ``(X'X + penalty)^-1`` for many penalties, and multiplies out ``X'X`` (or ``XX'``) once.

    With fewer rows than columns it inverts ``XX' + penalty`` instead (Woodbury): the same numbers, cheaper. A
    single-precision Cholesky is safe here: the penalty, 1 or more, bounds the smallest eigenvalue from below.
    """

    def __init__(self, *parts: Rows) -> None:
        self._kept: list[Rows] = []
        self._gram: Gram | None = None
        self._matrix: NDArray[np.float32] | None = None
        for part in parts:
            self.add(part)

    def add(self, rows: Rows) -> None:
        """Add rows to ``X``; not after the first inverse."""
        self._kept.append(rows)
        n_rows, n_columns = sum(part.shape[0] for part in self._kept), rows.shape[1]
        if self._gram is None and n_rows < n_columns:
            return
        self._gram = self._gram or Gram(n_columns)
        for part in self._kept:
            self._gram.add(part)
        self._kept.clear()

    def inverse(self, penalty: float, *, is_last: bool = False) -> NDArray[np.float32]:
        """Return the inverse, columns by columns; the last one takes the memory of the sum, and spares a copy of it."""
        if self._gram is not None:
            total = self._gram.total()
            return invert(total if is_last else total.copy(), penalty)
        columns = vstack(self._kept).T.tocsr()
        if self._matrix is None:
            self._matrix = gram(columns)
        inverse = invert(self._matrix.copy(), penalty)
        # X' M X, with the sparse factor on the left both times: M is symmetric.
        primal: NDArray[np.float32] = columns @ np.ascontiguousarray((columns @ inverse).T)
        primal *= np.float32(-1 / penalty)
        primal[np.diag_indices_from(primal)] += np.float32(1 / penalty)
        return primal


def gram(rows: Rows) -> NDArray[np.float32]:
    """Multiply out ``rows' rows``."""
    product = Gram(rows.shape[1])
    product.add(rows)
    return product.total()


def invert(matrix: NDArray[np.float32], penalty: float) -> NDArray[np.float32]:
    """Invert a positive semi-definite matrix plus ``penalty`` on its diagonal, in its own memory."""
    from scipy.linalg.lapack import spotrf, spotri  # noqa: PLC0415 (slow to import; serving never solves)

    matrix[np.diag_indices_from(matrix)] += np.float32(penalty)
    # LAPACK counts by columns, so the transposed view, its upper half and our lower half are one.
    root, failed = spotrf(matrix.T, lower=0, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError(f"The matrix is not positive definite with a penalty of {penalty:g}.")
    spotri(root, lower=0, overwrite_c=1)
    _mirror_lower(matrix)
    return matrix


def _mirror_lower(matrix: NDArray[np.float32]) -> None:
    """Copy the lower half of a matrix to the upper, in place."""
    for start in range(0, len(matrix), BLOCK):
        stop = start + BLOCK
        corner = matrix[start:stop, start:stop]
        corner[...] = np.tril(corner) + np.tril(corner, -1).T
        matrix[start:stop, stop:] = matrix[stop:, start:stop].T
