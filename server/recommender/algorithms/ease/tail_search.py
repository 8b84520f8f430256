"""The search for movies with factors that a list may contain, without scoring all of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.tail import TailFactors

BLOCK_ITEMS = 4_096
"""Items that are scored together."""

ROUNDING = 1 + 1e-5
"""The bounds are this much higher, because products are rounded."""


@dataclass(frozen=True, eq=False)
class TailSearch:
    """The items with factors in blocks, those with the longest factors first.

    The personal score is at most the product of the lengths of the taste and of the factors. The factors of movies with
    few ratings are short, so mostly no block can reach the last place of a list, and none is scored. The result is
    exact: Teflioudi, Gemulla and Mykytiuk, LEMP: Fast retrieval of large entries in a matrix product (SIGMOD 2015).
    """

    factors: TailFactors
    popularity: NDArray[np.float64]
    """Of each item with factors."""

    def reaching(
        self, lowest: float, taste: NDArray[np.float32], popularity_weight: float
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the places of all items with at least the ``lowest`` score, and these scores."""
        lengths, popularity = self._block_bounds
        bounds = np.sqrt(taste @ taste) * ROUNDING * lengths + popularity_weight * popularity
        places, scores = [np.empty(0, np.int32)], [np.empty(0)]
        for block in np.flatnonzero(bounds >= lowest).tolist():
            own = self._by_length[block * BLOCK_ITEMS : (block + 1) * BLOCK_ITEMS]
            of_block = self.factors.scores_of(own, taste) + popularity_weight * self.popularity[own]
            is_reaching = of_block >= lowest
            places.append(own[is_reaching])
            scores.append(of_block[is_reaching])
        return np.concatenate(places), np.concatenate(scores)

    @cached_property
    def _by_length(self) -> NDArray[np.int32]:
        """The places of the items, those with the longest factors first."""
        return np.argsort(-self.factors.lengths, kind="stable").astype(np.int32)

    @cached_property
    def _block_bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The largest length and the highest popularity in each block."""
        starts = np.arange(0, self._by_length.size, BLOCK_ITEMS)
        if not starts.size:
            return np.empty(0, np.float32), np.empty(0)
        return (
            self.factors.lengths[self._by_length[starts]],
            np.maximum.reduceat(self.popularity[self._by_length], starts),
        )
