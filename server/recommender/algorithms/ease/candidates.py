"""The first movies of a user's list and their features, from which the second stage of the ranking learns."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.profiles import RECENT, TASTE_DECAY, Profile
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import Arrays, Interactions, Source
from server.recommender.data.lists import top_items

N_CANDIDATES = 150

PRIOR_RATINGS = 10
"""The share of positive ratings and the mean stars of an item are shrunken as if by this number of ratings."""

TREND_PRIOR = 2
"""The same of the trend, in ratings."""

N_ITEM_FEATURES = 4
"""The genres of an item follow these."""

N_GENRE_FEATURES = 2
OF_SUMS, OF_LATEST, OF_RECENT = slice(3, 9), 9, 10
OF_ITEM = slice(11, 11 + N_ITEM_FEATURES)
N_FEATURES = OF_ITEM.stop + 1 + N_GENRE_FEATURES

SMALLEST = np.float32(1e-6)
"""Features in relation to the largest of the list have at least this denominator."""

OF_RANK = -np.log1p(np.arange(N_CANDIDATES))


def item_features(source: Source, items: NDArray[np.int64], catalogue: Catalogue) -> NDArray[np.float32]:
    """Return items by log of the number of ratings, share of positive ratings, mean stars, trend, and genres.

    The trend is the log of the share of the newest ratings, in relation to the share of all ratings. The genres of an
    item are a vector of length 1.
    """
    summary = source.summary
    half_stars, newest = source.total(_StarsAndNewest(source.n_items, source.recent_moment))
    counts = summary.item_counts.astype(np.float64)
    n_ratings = max(summary.n_ratings, 1)
    like_share, mean_stars = summary.n_likes / n_ratings, half_stars.sum() / 2 / n_ratings
    shrunken = counts + PRIOR_RATINGS
    expected = counts * newest.sum() / n_ratings
    genres = catalogue.genres / np.sqrt(np.maximum(catalogue.genres.sum(axis=1, keepdims=True), 1))
    columns = (
        np.log1p(counts),
        (summary.like_counts + PRIOR_RATINGS * like_share) / shrunken,
        (half_stars / 2 + PRIOR_RATINGS * mean_stars) / shrunken,
        np.log((newest + TREND_PRIOR) / (expected + TREND_PRIOR)),
        *genres.T,
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


@dataclass(frozen=True, eq=False)
class Candidates:
    """The unrated items with the highest scores of one user, best first."""

    items: NDArray[np.int64]
    """Positions among the items with weights."""
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.float64], rated: NDArray[np.int32]) -> Self:
        """Choose from the scores of the items with weights; ``rated`` are positions among them."""
        unrated = scores.copy()
        unrated[rated] = -np.inf
        best = top_items(unrated, N_CANDIDATES)[: scores.size - rated.size]
        return cls(best, scores[best])

    def features(
        self,
        user: Profile,
        sums: NDArray[np.float32],
        of_latest: NDArray[np.float32],
        directions: NDArray[np.float32],
        features_of_items: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return candidates by features. ``sums`` and ``of_latest`` are sums of the weights, of all items with weights.

        ``directions`` are those of the user's taste: a score of few factors is less exact, but less noisy than the
        weights. The last two are cosines of the genres of a candidate and those of the ratings: of all, and of recent.
        """
        features = np.empty((N_FEATURES, self.items.size), np.float32)
        features[0] = self.scores / max(self.scores.max(initial=0), SMALLEST)
        features[1] = OF_RANK[: self.items.size]
        features[2] = directions.take(self.items, axis=0) @ user.tastes[1 + TASTE_DECAY]
        own = sums.take(self.items, axis=0).T
        features[OF_SUMS], features[OF_RECENT] = own[1:RECENT], own[RECENT]
        features[OF_LATEST] = of_latest[self.items]
        in_relation = features[2 : OF_ITEM.start]
        in_relation /= np.maximum(np.abs(in_relation).max(axis=1, initial=0, keepdims=True), SMALLEST)
        of_items = features_of_items.take(self.items, axis=0).T
        features[OF_ITEM] = of_items[:N_ITEM_FEATURES]
        # The sums of the features of the rated items, by factor: a sum of ones and zeros counts the recent ratings.
        of_ratings = user.factors.T @ features_of_items.take(user.rows, axis=0)
        n_recent = max(user.factors[:, RECENT].sum(), 1)
        features[OF_ITEM.stop] = features[OF_ITEM.start] - of_ratings[RECENT, 0] / n_recent
        wanted = of_ratings[[1 + TASTE_DECAY, RECENT], N_ITEM_FEATURES:]
        wanted /= np.maximum(np.linalg.norm(wanted, axis=1, keepdims=True), SMALLEST)
        features[-N_GENRE_FEATURES:] = wanted @ of_items[N_ITEM_FEATURES:]
        return features.T
