"""Gram matrices of sparse rows and regularized inverses, in single precision and with bounded extra memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

BLOCK_ROWS = 512
"""Rows of a dense matrix that are worked on at a time: the extra memory beside the matrix."""

DENSE_COLUMNS = 768
"""Number of leading columns that are multiplied as dense ones.

A dense product takes a two-hundredth of the time of a sparse one, and a tenth of the movies have most of the ratings.
"""

DENSE_ROWS = 16_384
"""Rows of the dense columns in memory at a time."""

Rows = csr_array[Any, tuple[int, int]]
Matrix = NDArray[np.float32]


def zero_matrix(size: int) -> Matrix:
    """Return a square matrix of zeros."""
    # np.zeros maps small pages lazily; the page faults would double the time of the product.
    return np.full((size, size), 0, np.float32)


def add_gram(total: Matrix, rows: Rows) -> None:
    """Add the Gram matrix ``rows' rows`` to a total. Fastest if the fullest columns come first."""
    dense, sparse = rows[:, :DENSE_COLUMNS], rows[:, DENSE_COLUMNS:]
    for start in range(0, rows.shape[0], DENSE_ROWS):
        chunk = slice(start, start + DENSE_ROWS)
        head = dense[chunk].toarray()
        total[:DENSE_COLUMNS, :DENSE_COLUMNS] += head.T @ head
        mixed = sparse[chunk].T @ head
        total[DENSE_COLUMNS:, :DENSE_COLUMNS] += mixed
        total[:DENSE_COLUMNS, DENSE_COLUMNS:] += mixed.T
    _add_sparse_product(total[DENSE_COLUMNS:, DENSE_COLUMNS:], sparse, sparse)


def add_product(total: Matrix, left: Rows, right: Rows) -> None:
    """Add the product ``left' right`` of two matrices with the same rows to a total."""
    left_dense, left_sparse = left[:, :DENSE_COLUMNS], left[:, DENSE_COLUMNS:]
    right_dense, right_sparse = right[:, :DENSE_COLUMNS], right[:, DENSE_COLUMNS:]
    for start in range(0, left.shape[0], DENSE_ROWS):
        chunk = slice(start, start + DENSE_ROWS)
        left_head, right_head = left_dense[chunk].toarray(), right_dense[chunk].toarray()
        total[:DENSE_COLUMNS, :DENSE_COLUMNS] += left_head.T @ right_head
        total[DENSE_COLUMNS:, :DENSE_COLUMNS] += left_sparse[chunk].T @ right_head
        total[:DENSE_COLUMNS, DENSE_COLUMNS:] += (right_sparse[chunk].T @ left_head).T
    _add_sparse_product(total[DENSE_COLUMNS:, DENSE_COLUMNS:], left_sparse, right_sparse)


def _add_sparse_product(total: Matrix, left: Rows, right: Rows) -> None:
    transposed = left.T.tocsr()
    for start in range(0, transposed.shape[0], BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        total[block] += (transposed[block] @ right).toarray()


def invert_regularized(gram: Matrix, penalty: float) -> Matrix:
    """Return ``(gram + penalty * I)^-1`` of a positive semi-definite matrix, in the memory of ``gram``.

    Single precision is safe: the penalty, 1 or more, bounds the smallest eigenvalue from below.
    """
    from scipy.linalg.lapack import spotri  # noqa: PLC0415 (slow to import; serving never solves)

    spotri(_root(gram, penalty), lower=0, overwrite_c=1)
    _mirror_lower(gram)
    return gram


def solve_regularized(gram: Matrix, penalty: float, right: Matrix) -> Matrix:
    """Return ``(gram + penalty * I)^-1 right`` in the memory of ``right``; overwrites ``gram``.

    An inverse and a product would take a fourth longer.
    """
    from scipy.linalg.lapack import spotrs  # noqa: PLC0415 (as above)

    root = _root(gram, penalty)
    for start in range(0, len(right), BLOCK_ROWS):
        columns = slice(start, start + BLOCK_ROWS)
        right[:, columns] = spotrs(root, right[:, columns], lower=0)[0]
    return right


def _root(gram: Matrix, penalty: float) -> Matrix:
    """Return the Cholesky root of ``gram + penalty * I`` in the upper half of a matrix in the memory of ``gram``."""
    from scipy.linalg.lapack import spotrf  # noqa: PLC0415 (as above)

    gram[np.diag_indices_from(gram)] += np.float32(penalty)
    # LAPACK stores by columns: the upper half of the transposed view is our lower half.
    root, failed = spotrf(gram.T, lower=0, clean=0, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError(f"The matrix is not positive definite with a penalty of {penalty:g}.")
    transposed: Matrix = root
    return transposed


def _mirror_lower(matrix: Matrix) -> None:
    """Copy the lower half of a matrix to the upper, in place."""
    for start in range(0, len(matrix), BLOCK_ROWS):
        stop = start + BLOCK_ROWS
        corner = matrix[start:stop, start:stop]
        corner[...] = np.tril(corner) + np.tril(corner, -1).T
        matrix[start:stop, stop:] = matrix[stop:, start:stop].T
