"""Non-negative matrix factorisation of who likes what, with users folded in from their present history."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.algorithms.base import Algorithm, AlgorithmConfig
from server.recommender.data.interactions import Interactions


class NMFConfig(AlgorithmConfig):
    """The settings of the factorisation and of the fold-in."""

    factors: int = Field(default=20, ge=1, description="Number of tastes that users and movies are made of.")
    iterations: int = Field(
        default=100,
        ge=1,
        description="Sweeps of coordinate descent. Always so many: it is not run to convergence.",
    )
    ridge: float = Field(
        default=1.0, gt=0, description="Penalty on the squares of a user's weights, for factors of length one."
    )
    prior_likes: float = Field(
        default=0.5, gt=0, description="How many likes popularity weighs as much as, when the two are blended."
    )


@dataclass(frozen=True, eq=False)
class NMF(Algorithm[NMFConfig]):
    """Scores a movie by the reconstruction of the matrix of likes (1) and everything else (0).

    Lee and Seung, Nature 401 (1999). Users' factors are not kept: whoever asks is folded in by non-negative
    least squares against the movies' factors, so a rating counts at once and a new user is no special case.
    """

    name: ClassVar = "nmf"
    config_class: ClassVar = NMFConfig

    item_factors: NDArray[np.float32]
    """Items by factors."""
    gram: NDArray[np.float64]
    """Factors by factors: the products of the item factors."""

    @classmethod
    def fit(cls, interactions: Interactions, config: NMFConfig, *, seed: int) -> Self:
        """Factorise the likes."""
        from sklearn.decomposition import non_negative_factorization  # noqa: PLC0415 (slow to import; serving never fits)

        _, factors, _ = non_negative_factorization(
            interactions.likes(),
            n_components=config.factors,
            # The usual start, from singular vectors, ranks no better and fails where they are too few.
            init="random",
            max_iter=config.iterations,
            # Without a tolerance the number of sweeps is fixed, and no convergence is promised.
            tol=0,
            random_state=seed,
        )
        # The users' weights make up for any scale; of length one they are all penalised alike.
        lengths = np.linalg.norm(factors, axis=1)
        item_factors = np.ascontiguousarray(factors.T / np.where(lengths > 0, lengths, 1))
        gram = item_factors.T.astype(np.float64) @ item_factors
        return cls(config, interactions.like_shares, item_factors, gram)

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Blend the reconstruction with popularity, by ``likes / (likes + prior_likes)``."""
        personal = self._fold_in(histories) @ self.item_factors.T
        like_counts = histories.like_counts[:, None]
        trust: NDArray[np.float64] = like_counts / (like_counts + self.config.prior_likes)
        return trust * personal + (1 - trust) * self.like_shares

    def similarities(self, item: int) -> NDArray[np.float64]:
        """Give the cosines between the item's factors and the others'."""
        lengths = np.linalg.norm(self.item_factors, axis=1)
        directions = self.item_factors / np.where(lengths > 0, lengths, 1)[:, None]
        cosines: NDArray[np.float64] = directions @ directions[item].astype(np.float64)
        return cosines

    def _fold_in(self, histories: Interactions) -> NDArray[np.float32]:
        """Weights ``w >= 0``, users by factors, that minimise ``|likes - w H|^2 + ridge |w|^2``.

        With the Cholesky root ``R'R`` of the Gram matrix the problem has as many rows as factors, however
        large the catalogue is.
        """
        from scipy.linalg import cholesky, solve_triangular  # noqa: PLC0415 (slow to import; only NMF needs it)
        from scipy.optimize import nnls  # noqa: PLC0415 (as above)

        root = cholesky(self.gram + self.config.ridge * np.eye(len(self.gram)))
        targets = solve_triangular(root, (histories.likes() @ self.item_factors).T, trans="T").T
        weights = [nnls(root, target)[0] for target in targets]
        return np.array(weights, np.float32).reshape(targets.shape)
