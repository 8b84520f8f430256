"""The most liked movies, the same for everyone: the baseline, and the answer to an empty history."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.base import Algorithm, AlgorithmConfig
from server.recommender.data.interactions import Interactions


class PopularityConfig(AlgorithmConfig):
    """Popularity has nothing to set."""


@dataclass(frozen=True, eq=False)
class Popularity(Algorithm[PopularityConfig]):
    """Scores a movie by the share of all users who like it."""

    name: ClassVar = "popularity"
    config_class: ClassVar = PopularityConfig

    @classmethod
    def fit(cls, interactions: Interactions, config: PopularityConfig, *, seed: int) -> Self:  # noqa: ARG003 (counting needs no seed)
        """Count the likes."""
        return cls(config, interactions.like_shares)

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Give every user the same scores."""
        return np.tile(self.like_shares, (histories.n_users, 1))

    def similarities(self, item: int) -> NDArray[np.float64]:  # noqa: ARG002 (everything is as similar as it is popular)
        """Give the like shares, whatever the item."""
        return self.like_shares.copy()
