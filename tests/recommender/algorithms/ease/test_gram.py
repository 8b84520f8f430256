import numpy as np
import pytest
from scipy.sparse import csr_array

from server.recommender.algorithms.ease.gram import Gram, Ridge, Rows, invert


def matrix(n_rows: int, n_columns: int) -> Rows:
    random = np.random.default_rng(0)
    dense = random.random((n_rows, n_columns), np.float32)
    return csr_array(np.where(dense < 0.1, dense * 10, 0).astype(np.float32))


@pytest.mark.parametrize("shape", [(900, 600), (600, 900)])
def test_by_either_side_the_inverse_is_the_one_in_double_precision(shape: tuple[int, int]) -> None:
    rows = matrix(*shape)
    dense = rows.toarray().astype(np.float64)

    inverse = Ridge(rows).inverse(20.0)

    expected = np.linalg.inv(dense.T @ dense + 20 * np.eye(shape[1]))
    assert inverse.dtype == np.float32
    np.testing.assert_allclose(inverse, expected, atol=1e-6)


def test_one_gram_serves_many_penalties() -> None:
    rows = matrix(50, 30)
    ridge = Ridge(rows)

    first = ridge.inverse(5.0)
    ridge.inverse(500.0)

    assert np.array_equal(ridge.inverse(5.0), first)


def test_a_product_of_parts_some_dense_some_sparse_is_the_whole_product() -> None:
    left, right = matrix(40, 1400), matrix(40, 1400)[::-1] * np.float32(2)

    product = Gram(1400)
    for rows in (slice(25), slice(25, None)):
        product.add(left[rows], right[rows])

    np.testing.assert_allclose(product.total(), left.toarray().T @ right.toarray(), rtol=1e-5)


def test_a_matrix_without_an_inverse_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite with a penalty of 1"):
        invert(np.full((2, 2), -5, np.float32), 1.0)
