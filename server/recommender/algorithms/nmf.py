"""Non-negative matrix factorization of the positive ratings; users are folded in from their present history."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.algorithms.base import Algorithm, AlgorithmConfig
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.checks import check_array, check_dtype
from server.recommender.data.interactions import Interactions, Source


class NMFConfig(AlgorithmConfig):
    """The settings of the factorization and of the fold-in."""

    factors: int = Field(default=20, ge=1, description="Number of factors.")
    iterations: int = Field(
        default=100,
        ge=1,
        description="Sweeps of coordinate descent; the number is fixed, convergence is not tested.",
    )
    ridge: float = Field(
        default=1.0, gt=0, description="Penalty on the squares of a user's weights, for factors of unit length."
    )
    prior_likes: float = Field(
        default=0.5,
        gt=0,
        description="Number of positive ratings at which the personal score and popularity weigh the same.",
    )


@dataclass(frozen=True, eq=False)
class NMF(Algorithm[NMFConfig]):
    """Scores a movie by the reconstruction of the matrix of positive ratings (1) and everything else (0).

    Lee and Seung, Nature 401 (1999). User factors are not stored: a history is folded in by non-negative least squares
    against the movie factors, so a new rating counts at once and new users need no special case.
    """

    name: ClassVar = "nmf"
    config_class: ClassVar = NMFConfig

    item_factors: NDArray[np.float32]
    """Items by factors."""
    gram: NDArray[np.float64]
    """Factors by factors: the products of the item factors."""

    def check(self, n_items: int) -> None:
        """Raise `ValueError` if the arrays do not fit together, or not to a catalogue of this size."""
        super().check(n_items)
        check_dtype(self.item_factors, np.float32)
        check_array(self.item_factors, (n_items, self.config.factors), lowest=0)
        check_dtype(self.gram, np.float64)
        check_array(self.gram, (self.config.factors, self.config.factors), lowest=0)

    @classmethod
    def fit(
        cls,
        source: Source,
        config: NMFConfig,
        *,
        seed: int,
        catalogue: Catalogue | None = None,  # noqa: ARG003 (learns from ratings only)
    ) -> Self:
        """Factorize the positive ratings, all of which it holds in memory."""
        from sklearn.decomposition import non_negative_factorization  # noqa: PLC0415 (slow to import; serving never fits)

        _, factors, _ = non_negative_factorization(
            source.in_memory().likes(),
            n_components=config.factors,
            # The usual initialization by singular vectors ranks no better, and fails if there are too few.
            init="random",
            max_iter=config.iterations,
            # Without a tolerance the number of sweeps is fixed and no convergence warning is raised.
            tol=0,
            random_state=seed,
        )
        # The scale of a factor is arbitrary; with unit length the ridge penalizes all factors alike.
        lengths = np.linalg.norm(factors, axis=1)
        item_factors = np.ascontiguousarray(factors.T / np.where(lengths > 0, lengths, 1))
        gram = item_factors.T.astype(np.float64) @ item_factors
        return cls(config, source.like_shares, item_factors, gram)

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Blend the reconstruction with popularity, weighted by ``likes / (likes + prior_likes)``."""
        personal = self._fold_in(histories) @ self.item_factors.T
        like_counts = histories.like_counts[:, None]
        personal_weight: NDArray[np.float64] = like_counts / (like_counts + self.config.prior_likes)
        return personal_weight * personal + (1 - personal_weight) * self.popularity

    def similarities(self, item: int) -> NDArray[np.float64]:
        """Return the cosines between the factors of the item and those of the others."""
        lengths = np.linalg.norm(self.item_factors, axis=1)
        directions = self.item_factors / np.where(lengths > 0, lengths, 1)[:, None]
        cosines: NDArray[np.float64] = directions @ directions[item].astype(np.float64)
        return cosines

    def _fold_in(self, histories: Interactions) -> NDArray[np.float32]:
        """Return the weights ``w >= 0``, users by factors, that minimize ``|likes - w H|^2 + ridge |w|^2``.

        With the Cholesky root ``R'R`` of the Gram matrix the problem has one row per factor instead of one per movie.
        """
        from scipy.linalg import cholesky, solve_triangular  # noqa: PLC0415 (slow to import; only NMF needs it)
        from scipy.optimize import nnls  # noqa: PLC0415 (as above)

        root = cholesky(self.gram + self.config.ridge * np.eye(len(self.gram)))
        targets = solve_triangular(root, (histories.likes() @ self.item_factors).T, trans="T").T
        weights = [nnls(root, target)[0] for target in targets]
        return np.array(weights, np.float32).reshape(targets.shape)
