"""Gram matrices of sparse rows and regularized inverses, in single precision and with bounded extra memory."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from server.recommender.data.threads import in_threads

BLOCK_ROWS = 512
"""Rows of a dense matrix that are worked on at a time: the extra memory beside the matrix."""

DENSE_COLUMNS = 512
"""Number of leading columns that are multiplied as dense ones.

A dense product takes a two-hundredth of the time of a sparse one, and a twelfth of the movies have most of the ratings.
"""

DENSE_ROWS = 16_384
"""Rows of the dense columns in memory at a time."""

Rows = csr_array[Any, tuple[int, int]]
Matrix = NDArray[np.float32]


def slices(size: int, step: int) -> Iterator[slice]:
    """Yield the parts of a range."""
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


def zero_matrix(size: int) -> Matrix:
    """Return a square matrix of zeros."""
    # np.zeros maps small pages lazily; the page faults would double the time of the product.
    return np.full((size, size), 0, np.float32)


def add_gram(total: Matrix, rows: Rows, *, with_diagonal: bool = True) -> None:
    """Add the lower half of the Gram matrix ``rows' rows`` to a total. Fastest if the fullest columns come first.

    The upper half of the total stays as it is. Every thread has rows of the total of its own.
    """
    dense, sparse = rows[:, :DENSE_COLUMNS], rows[:, DENSE_COLUMNS:]
    for chunk in slices(rows.shape[0], DENSE_ROWS):
        head = dense[chunk].toarray()

        def add_head(head: Matrix = head) -> None:
            _add_lower(total, 0, head.T @ head, with_diagonal=with_diagonal)

        in_threads([add_head, *_mixed_products(total[DENSE_COLUMNS:, :DENSE_COLUMNS], sparse[chunk], head)])
    tail, transposed = total[DENSE_COLUMNS:, DENSE_COLUMNS:], sparse.T.tocsr()
    # Cutting the columns off takes a pass over all rows, so a few widths serve all blocks.
    widths = {_width(block.stop) for block in slices(len(tail), BLOCK_ROWS)}
    cut = {width: sparse[:, :width] for width in widths}

    def add_rows(block: slice) -> None:
        product = (transposed[block] @ cut[_width(block.stop)]).toarray()
        _add_lower(tail, block.start, product, with_diagonal=with_diagonal)

    in_threads([partial(add_rows, block) for block in slices(len(tail), BLOCK_ROWS)])


def _width(n_columns: int) -> int:
    """Return the next power of two."""
    return 1 << (n_columns - 1).bit_length()


def _add_lower(total: Matrix, start: int, product: Matrix, *, with_diagonal: bool) -> None:
    """Add the lower half of some rows of a symmetric matrix, which begin at ``start``."""
    end = start + len(product)
    total[start:end, :start] += product[:, :start]
    total[start:end, start:end] += np.tril(product[:, start:end], 0 if with_diagonal else -1)


def _mixed_products(total: Matrix, sparse: Rows, dense: Matrix) -> list[Callable[[], None]]:
    """Return tasks that add ``sparse' dense`` to a total."""
    transposed = sparse.T.tocsr()

    def add_rows(block: slice) -> None:
        total[block] += transposed[block] @ dense

    return [partial(add_rows, block) for block in slices(len(total), BLOCK_ROWS)]


def add_product(total: Matrix, left: Rows, right: Rows) -> None:
    """Add the product ``left' right`` of two matrices with the same rows to a total."""
    left_dense, left_sparse = left[:, :DENSE_COLUMNS], left[:, DENSE_COLUMNS:]
    right_dense, right_sparse = right[:, :DENSE_COLUMNS], right[:, DENSE_COLUMNS:]
    corner = total[:DENSE_COLUMNS, :DENSE_COLUMNS]
    for chunk in slices(left.shape[0], DENSE_ROWS):
        left_head, right_head = left_dense[chunk].toarray(), right_dense[chunk].toarray()

        def add_head(left_head: Matrix = left_head, right_head: Matrix = right_head) -> None:
            corner[...] += left_head.T @ right_head

        in_threads([
            add_head,
            *_mixed_products(total[DENSE_COLUMNS:, :DENSE_COLUMNS], left_sparse[chunk], right_head),
            *_mixed_products(total[:DENSE_COLUMNS, DENSE_COLUMNS:].T, right_sparse[chunk], left_head),
        ])
    tail, transposed = total[DENSE_COLUMNS:, DENSE_COLUMNS:], left_sparse.T.tocsr()

    def add_rows(block: slice) -> None:
        tail[block] += (transposed[block] @ right_sparse).toarray()

    in_threads([partial(add_rows, block) for block in slices(len(tail), BLOCK_ROWS)])


def invert_regularized(gram: Matrix, penalty: float) -> Matrix:
    """Return ``(gram + penalty * I)^-1`` of a positive semi-definite matrix, in the memory of ``gram``.

    Only the lower half of ``gram`` is read.

    Single precision is safe: the penalty, 1 or more, bounds the smallest eigenvalue from below.
    """
    from scipy.linalg.lapack import spotri  # noqa: PLC0415 (slow to import; serving never solves)

    spotri(_root(gram, penalty), lower=0, overwrite_c=1)
    _mirror_lower(gram)
    return gram


def solve_regularized(gram: Matrix, penalty: float, right: Matrix) -> Matrix:
    """Return ``(gram + penalty * I)^-1 right`` in the memory of ``right``; overwrites ``gram``.

    Only the lower half of ``gram`` is read. An inverse and a product would take a fourth longer.
    """
    from scipy.linalg.lapack import spotrs  # noqa: PLC0415 (as above)

    root = _root(gram, penalty)

    def solve(columns: slice) -> None:
        right[:, columns] = spotrs(root, right[:, columns], lower=0)[0]

    in_threads([partial(solve, columns) for columns in slices(len(right), BLOCK_ROWS)])
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
    for rows in slices(len(matrix), BLOCK_ROWS):
        corner = matrix[rows, rows]
        corner[...] = np.tril(corner) + np.tril(corner, -1).T
        matrix[rows, rows.stop :] = matrix[rows.stop :, rows].T
