"""Scores for movies without ratings: by genres and decade."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.catalogue import Catalogue
from server.recommender.data.traits import TraitRegression


@dataclass(frozen=True, eq=False)
class ColdStartScorer:
    """A regression of one user's scores on the genres and decades of the movies."""

    regression: TraitRegression

    @classmethod
    def learn(cls, movies: Catalogue, scores: NDArray[np.float64]) -> Self:
        """Fit the regression to the scores of movies."""
        return cls(TraitRegression.learn(movies, scores))

    def below(self, lowest: float, movies: Catalogue) -> NDArray[np.float64]:
        """Return scores below ``lowest``: the best movie just below, the others by the difference of the regression."""
        worth = self.regression.predict(movies)
        scores: NDArray[np.float64] = np.nextafter(lowest, -np.inf) - (worth.max(initial=-np.inf) - worth)
        return scores
