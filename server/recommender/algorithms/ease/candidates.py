"""The first movies of a user's list and their features, from which the second stage of the ranking learns."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.scoring import Decay, preference_weight
from server.recommender.algorithms.ease.sparse_sums import sum_rows
from server.recommender.data.interactions import Interactions
from server.recommender.data.source import Arrays, Source

N_CANDIDATES = 150

DECAYS = (Decay(1.0, 1.0), Decay(1.0, 2.0), Decay(10.0, 0.5), Decay(40.0, 0.3))
"""Each gives one sum of weights."""

TASTE_DECAY = 2
"""The position of the decay with which ratings are summed up to the user's taste."""


RECENT_RATINGS = 10
PRIOR_RATINGS = 10
"""The share of positive ratings and the mean stars of an item are shrunken as if by this number of ratings."""

TREND_PRIOR = 2
"""The same of the trend, in ratings."""

N_ITEM_FEATURES = 4
N_SUMS = len(DECAYS) + 4
N_FEATURES = 3 + N_SUMS + N_ITEM_FEATURES + 1


def item_features(source: Source, items: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return items by log of the number of ratings, share of positive ratings, mean stars, and trend.

    The trend is the log of the share of the newest ratings, in relation to the share of all ratings.
    """
    summary = source.summary
    half_stars, newest = source.total(_StarsAndNewest(source.n_items, source.recent_moment))
    counts = summary.item_counts.astype(np.float64)
    n_ratings = max(summary.n_ratings, 1)
    like_share, mean_stars = summary.n_likes / n_ratings, half_stars.sum() / 2 / n_ratings
    shrunken = counts + PRIOR_RATINGS
    expected = counts * newest.sum() / n_ratings
    columns = (
        np.log1p(counts),
        (summary.like_counts + PRIOR_RATINGS * like_share) / shrunken,
        (half_stars / 2 + PRIOR_RATINGS * mean_stars) / shrunken,
        np.log((newest + TREND_PRIOR) / (expected + TREND_PRIOR)),
    )
    return np.column_stack(columns)[items].astype(np.float32)


@dataclass(frozen=True)
class _StarsAndNewest:
    """Half stars, and ratings from a moment on, by item."""

    n_items: int
    moment: int

    def zeros(self) -> Arrays:
        return tuple(np.zeros(self.n_items, np.int64) for _ in range(2))

    def add(self, totals: Arrays, block: Interactions) -> None:
        half_stars, newest = totals
        half_stars += np.bincount(block.items, 2 * block.stars, self.n_items).astype(np.int64)
        newest += np.bincount(block.items[block.rated_at >= self.moment], minlength=self.n_items)


def rating_factors(histories: Interactions) -> NDArray[np.float32]:
    """Return ratings by factors of the weights, one for each sum: faded, plain, negative, the latest, recent ones."""
    preferences, ages = preference_weight(histories), histories.ages
    factors = [preferences * decay.weights(ages) for decay in DECAYS]
    factors += [
        np.ones_like(preferences),
        np.minimum(preferences, 0),
        preferences * (ages == 0),
        (ages < RECENT_RATINGS).astype(np.float32),
    ]
    return np.column_stack(factors)


@dataclass(frozen=True, eq=False)
class Candidates:
    """The unrated items with the highest scores of one user, best first."""

    items: NDArray[np.int64]
    """Positions among the items with weights."""
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.float64], rated: NDArray[np.int32]) -> Self:
        """Choose from the scores of the items with weights; ``rated`` are positions among them."""
        costs = -scores
        costs[rated] = np.inf
        n = min(N_CANDIDATES, scores.size - rated.size)
        best = np.argpartition(costs, n - 1)[:n] if n else np.empty(0, np.int64)
        best = best[np.lexsort((best, costs[best]))]
        return cls(best, scores[best])

    def features(
        self,
        columns: NDArray[np.int32],
        weights: NDArray[np.float32],
        features_of_items: NDArray[np.float32],
        directions: NDArray[np.float32],
        rated: NDArray[np.int32],
        factors: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return candidates by features. ``factors`` are those of the ratings of the ``rated`` items.

        ``directions`` are those of the tastes: a score of few factors is less exact, but less noisy than the weights.
        """
        sums = sum_rows(columns, weights, rated, factors)[self.items]
        by_taste = directions[self.items] @ (factors[:, TASTE_DECAY] @ directions[rated])
        is_recent = factors[:, -1] > 0
        usual = features_of_items[rated[is_recent], 0].mean() if is_recent.any() else np.float32(0)
        own = features_of_items[self.items]
        first = max(float(self.scores[0]), 1e-6) if self.scores.size else 1.0
        return np.column_stack([
            self.scores / first,
            -np.log1p(np.arange(self.items.size)),
            _to_unit_range(by_taste),
            _to_unit_range(sums),
            own,
            own[:, 0] - usual,
        ]).astype(np.float32)


def _to_unit_range(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values of each column in relation to the largest, -1 to 1."""
    largest = np.maximum(np.abs(values).max(axis=0, initial=0), np.float32(1e-6))
    scaled: NDArray[np.float32] = values / largest
    return scaled
