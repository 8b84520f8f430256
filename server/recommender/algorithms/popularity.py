"""Popularity: the same list for everyone. The baseline, and the answer to an empty history."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.base import Algorithm, AlgorithmConfig
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import Interactions, Source


class PopularityConfig(AlgorithmConfig):
    """Popularity has no settings."""


@dataclass(frozen=True, eq=False)
class Popularity(Algorithm[PopularityConfig]):
    """Scores a movie by the share of all users with a positive rating of it."""

    name: ClassVar = "popularity"
    config_class: ClassVar = PopularityConfig

    @classmethod
    def fit(
        cls,
        source: Source,
        config: PopularityConfig,
        *,
        seed: int,  # noqa: ARG003 (no randomness)
        catalogue: Catalogue | None = None,  # noqa: ARG003 (learns from ratings only)
    ) -> Self:
        """Count the positive ratings."""
        return cls(config, source.like_shares)

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Return the same scores for every user."""
        return np.tile(self.popularity, (histories.n_users, 1))

    def similarities(self, item: int) -> NDArray[np.float64]:  # noqa: ARG002 (the same for every item)
        """Return the popularity of every item."""
        return self.popularity.copy()
