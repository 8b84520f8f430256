import numpy as np
import pytest
from scipy.sparse import csr_array
from threadpoolctl import ThreadpoolController

from server.recommender.algorithms.ease.gram import (
    Rows,
    add_gram,
    add_product,
    invert_regularized,
    solve_regularized,
    zero_matrix,
)
from server.recommender.data.threads import using_threads
from tests.support.tables import for_each


def matrix(n_rows: int, n_columns: int) -> Rows:
    random = np.random.default_rng(0)
    dense = random.random((n_rows, n_columns), np.float32)
    return csr_array(np.where(dense < 0.1, dense * 10, 0).astype(np.float32))


@for_each("shape", [(900, 600), (600, 900)])
def test_the_inverse_is_the_one_in_double_precision(shape: tuple[int, int]) -> None:
    rows = matrix(*shape)
    gram = zero_matrix(shape[1])
    add_gram(gram, rows)

    inverse = invert_regularized(gram, 20.0)

    dense = rows.toarray().astype(np.float64)
    expected = np.linalg.inv(dense.T @ dense + 20 * np.eye(shape[1]))
    assert inverse.dtype == np.float32
    assert np.shares_memory(inverse, gram)
    np.testing.assert_allclose(inverse, expected, atol=1e-6)


def test_the_solution_is_the_one_in_double_precision() -> None:
    rows = matrix(900, 600)
    gram, right = zero_matrix(600), np.random.default_rng(1).random((600, 600), np.float32)
    add_gram(gram, rows)
    dense = rows.toarray().astype(np.float64)
    expected = np.linalg.solve(dense.T @ dense + 20 * np.eye(600), right.astype(np.float64))

    solution = solve_regularized(gram, 20.0, right)

    assert np.shares_memory(solution, right)
    np.testing.assert_allclose(solution, expected, atol=1e-5)


@for_each("n_threads", [1, 3])
def test_two_gram_matrices_of_batches_with_dense_and_sparse_columns_fit_into_one(n_threads: int) -> None:
    rows, others, total = matrix(40, 1400), matrix(50, 1400), zero_matrix(1400)

    with using_threads(n_threads, ThreadpoolController()):
        for batch in (slice(25), slice(25, None)):
            add_gram(total, rows[batch])
            add_gram(total.T, others[batch], with_diagonal=False)

    expected, of_others = (one.toarray().T @ one.toarray() for one in (rows, others))
    np.testing.assert_allclose(np.tril(total), np.tril(expected), rtol=1e-5)
    np.testing.assert_allclose(np.triu(total, 1), np.triu(of_others, 1), rtol=1e-5)


def test_the_product_of_batches_with_dense_and_sparse_columns_is_the_whole_one() -> None:
    left, right = matrix(40, 1400), matrix(40, 1400)[::-1] * np.float32(2)
    total = zero_matrix(1400)

    for batch in (slice(25), slice(25, None)):
        add_product(total, left[batch], right[batch])

    np.testing.assert_allclose(total, left.toarray().T @ right.toarray(), rtol=1e-5)


def test_a_matrix_that_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite with a penalty of 1"):
        invert_regularized(np.full((2, 2), -5, np.float32), 1.0)
