"""What the recommender is measured beside: the usual ways to do it, as their libraries would have them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from server.recommender.algorithms.ease.gram import Ridge
from server.recommender.data.interactions import Interactions


@dataclass(frozen=True, eq=False)
class SklearnNMF:
    """Non-negative factors of the likes, as scikit-learn fits them."""

    model: Any

    @classmethod
    def fit(cls, known: Interactions, *, factors: int) -> Self:
        """Factorise the likes, zero for everything else."""
        from sklearn.decomposition import NMF  # noqa: PLC0415 (slow to import)

        return cls(NMF(factors, init="nndsvda", max_iter=200, tol=1e-3, random_state=0).fit(known.likes()))

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Reconstruct the likes of users who are folded in."""
        scores: NDArray[np.float64] = (self.model.transform(histories.likes()) @ self.model.components_).astype(float)
        return scores


@dataclass(frozen=True, eq=False)
class ImplicitALS:
    """Factors by alternating least squares with confidences (Hu, Koren, Volinsky 2008), as ``implicit`` fits them."""

    model: Any

    @classmethod
    def fit(cls, known: Interactions, *, factors: int, regularization: float, alpha: float) -> Self:
        """Factorise the likes."""
        from implicit.cpu.als import AlternatingLeastSquares  # noqa: PLC0415 (only there with the bench group)

        model = AlternatingLeastSquares(
            factors, regularization=regularization, alpha=alpha, iterations=15, num_threads=1, random_state=0
        )
        model.fit(csr_matrix(known.likes()), show_progress=False)
        return cls(model)

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Solve for the users' factors, and multiply."""
        users = self.model.recalculate_user(np.arange(histories.n_users), csr_matrix(histories.likes()))
        scores: NDArray[np.float64] = (users @ self.model.item_factors.T).astype(float)
        return scores


@dataclass(frozen=True, eq=False)
class PlainEase:
    """EASE on likes, all alike, of whatever age (Steck 2019)."""

    items: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def fit(cls, known: Interactions, *, penalty: float) -> Self:
        """Solve for the weights between the 10,000 most liked of the movies that five users like."""
        counts = np.bincount(known.items[known.liked], minlength=known.n_items)
        items = np.sort(np.argsort(-counts, kind="stable")[: min(10_000, np.count_nonzero(counts >= 5))])
        weights = Ridge(known.likes()[:, items].tocsr()).inverse(penalty, is_last=True)
        weights /= -np.diag(weights).copy()
        np.fill_diagonal(weights, 0)
        return cls(items, weights)

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Add up the weights of what is liked; other movies last."""
        personal = histories.likes()[:, self.items] @ self.weights
        scores = np.full((histories.n_users, histories.n_items), personal.min() - 1, np.float64)
        scores[:, self.items] = personal
        return scores
