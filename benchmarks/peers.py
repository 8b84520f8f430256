"""The peers of the recommender: usual algorithms with the settings of their libraries."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from server.recommender.algorithms.ease.gram import add_gram, zero_matrix
from server.recommender.algorithms.ease.statistics import cooccurrence_weights
from server.recommender.data.interactions import Interactions


@dataclass(frozen=True, eq=False)
class SklearnNMF:
    """Non-negative matrix factorization of the positive ratings, by scikit-learn."""

    model: Any

    @classmethod
    def fit(cls, known: Interactions, *, factors: int) -> Self:
        """Factorize the positive ratings, with zeros elsewhere."""
        from sklearn.decomposition import NMF  # noqa: PLC0415 (slow to import)

        return cls(NMF(factors, init="nndsvda", max_iter=200, tol=1e-3, random_state=0).fit(known.likes()))

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Return the reconstruction for folded-in users."""
        scores: NDArray[np.float64] = (self.model.transform(histories.likes()) @ self.model.components_).astype(float)
        return scores


@dataclass(frozen=True, eq=False)
class ImplicitALS:
    """Alternating least squares with confidences (Hu, Koren, Volinsky 2008), by ``implicit``."""

    model: Any

    @classmethod
    def fit(cls, known: Interactions, *, factors: int, regularization: float, alpha: float) -> Self:
        """Factorize the positive ratings."""
        from implicit.cpu.als import AlternatingLeastSquares  # noqa: PLC0415 (only there with the bench group)

        model = AlternatingLeastSquares(
            factors, regularization=regularization, alpha=alpha, iterations=15, num_threads=1, random_state=0
        )
        model.fit(csr_matrix(known.likes()), show_progress=False)
        return cls(model)

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Return the scores of folded-in users."""
        users = self.model.recalculate_user(np.arange(histories.n_users), csr_matrix(histories.likes()))
        scores: NDArray[np.float64] = (users @ self.model.item_factors.T).astype(float)
        return scores


@dataclass(frozen=True, eq=False)
class PlainEase:
    """EASE on binary positive ratings without recency (Steck 2019)."""

    items: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def fit(cls, known: Interactions, *, penalty: float) -> Self:
        """Solve for the weights of the 10,000 movies with the most positive ratings, at least five."""
        counts = np.bincount(known.items[known.liked], minlength=known.n_items)
        items = np.sort(np.argsort(-counts, kind="stable")[: min(10_000, np.count_nonzero(counts >= 5))])
        gram = zero_matrix(items.size)
        add_gram(gram, known.likes()[:, items].tocsr())
        return cls(items, cooccurrence_weights(gram, penalty))

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Return the sums of weights; other movies come last."""
        personal = histories.likes()[:, self.items] @ self.weights
        scores = np.full((histories.n_users, histories.n_items), personal.min() - 1, np.float64)
        scores[:, self.items] = personal
        return scores
