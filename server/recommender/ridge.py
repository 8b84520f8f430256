"""The inverse of a regularised Gram matrix: by the smaller side, in single precision, in the memory of the matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

BLOCK = 512
"""Rows of a dense matrix that are worked on at a time; what is in memory beside the matrix is as small as that."""

Rows = csr_array[Any, tuple[int, int]]


class Ridge:
    """Gives ``(X'X + penalty)^-1`` for many penalties, and multiplies out ``X'X`` (or ``XX'``) once.

    With fewer rows than columns it inverts ``XX' + penalty`` instead (Woodbury): the same numbers, cheaper. A
    single-precision Cholesky is safe here: the penalty, 1 or more, bounds the smallest eigenvalue from below.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._is_dual = rows.shape[0] < rows.shape[1]
        self._gram = gram(rows.T.tocsr() if self._is_dual else rows)

    def inverse(self, penalty: float) -> NDArray[np.float32]:
        """Return the inverse, columns by columns."""
        inverse = invert(self._gram, penalty)
        if not self._is_dual:
            return inverse
        columns = self._rows.T.tocsr()
        # X' M X, with the sparse factor on the left both times: M is symmetric.
        primal: NDArray[np.float32] = columns @ np.ascontiguousarray((columns @ inverse).T)
        primal *= np.float32(-1 / penalty)
        primal[np.diag_indices_from(primal)] += np.float32(1 / penalty)
        return primal


def gram(left: Rows, right: Rows | None = None) -> NDArray[np.float32]:
    """Multiply out ``left' right``, or ``left' left``, into a dense matrix; never holds it in sparse form."""
    right = left if right is None else right
    transposed = left.T.tocsr()
    product = np.empty((left.shape[1], right.shape[1]), np.float32)
    for start in range(0, len(product), BLOCK):
        product[start : start + BLOCK] = (transposed[start : start + BLOCK] @ right).toarray()
    return product


def invert(matrix: NDArray[np.float32], penalty: float) -> NDArray[np.float32]:
    """Invert a positive semi-definite matrix plus ``penalty`` on its diagonal, with one copy and no more."""
    from scipy.linalg.lapack import spotrf, spotri  # noqa: PLC0415 (slow to import; serving never solves)

    inverse = matrix.copy()
    inverse[np.diag_indices_from(inverse)] += np.float32(penalty)
    # LAPACK counts by columns, so the transposed view, its upper half and our lower half are one.
    root, failed = spotrf(inverse.T, lower=0, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError(f"The matrix is not positive definite with a penalty of {penalty:g}.")
    spotri(root, lower=0, overwrite_c=1)
    _mirror_lower(inverse)
    return inverse


def _mirror_lower(matrix: NDArray[np.float32]) -> None:
    """Copy the lower half of a matrix to the upper, in place."""
    for start in range(0, len(matrix), BLOCK):
        stop = start + BLOCK
        corner = matrix[start:stop, start:stop]
        corner[...] = np.tril(corner) + np.tril(corner, -1).T
        matrix[start:stop, stop:] = matrix[stop:, start:stop].T
