"""How EASE turns a history into the inputs of its weights: the preference, the recency, and the items."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from server.backend.defaults import MODEL_MEMORY_MB
from server.recommender.algorithms.base import AlgorithmConfig
from server.recommender.algorithms.ease.reranker import Reranker
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.positions import inverse_index, running_count
from server.recommender.data.ratings import LIKE_THRESHOLD

BYTES_A_WEIGHT = np.dtype(np.float32).itemsize + np.dtype(np.int32).itemsize
"""The weight and its column."""

FACTORS = 16
"""Number of factors of a movie without weights: more would fit its few raters too closely."""

BYTES_A_TAIL_ITEM = FACTORS + np.dtype(np.float32).itemsize + np.dtype(np.int64).itemsize
"""The factors, their scale and the item."""

NEUTRAL_STARS = 3.0
NEUTRAL_PREFERENCE = 0.3
NEGATIVE_PREFERENCE = -0.3
"""The preference of other ratings on the common scale; that of a positive rating is 1."""

HALF_STARS = np.arange(11) / 2
COMMON_SCALE = np.where(
    HALF_STARS >= LIKE_THRESHOLD, 1, np.where(HALF_STARS >= NEUTRAL_STARS, NEUTRAL_PREFERENCE, NEGATIVE_PREFERENCE)
)
"""Indexed by the number of half stars."""

MEAN_PRIOR_RATINGS = 5
MEAN_PRIOR_STARS = 3.5
"""A user's mean is shrunken as if by this number of additional ratings of this number of stars."""

OWN_SCALE_RANGE = (-0.3, 1.2)


@dataclass(frozen=True)
class Decay:
    """The weight of a rating by age: 1 for the latest, then a power law, as in human forgetting.

    It falls fast at first and slowly later, so lists follow the present session without losing the lasting taste. An
    exponential decay serves either the one or the other. Wixted and Ebbesen, Psychological Science 2 (1991).
    """

    scale: float
    power: float

    def weights(self, ages: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the weights of ratings with these numbers of later ratings by the same user."""
        weights: NDArray[np.float32] = ((1 + ages / self.scale) ** -self.power).astype(np.float32)
        return weights


NO_DECAY = Decay(scale=1.0, power=0.0)


class EaseConfig(AlgorithmConfig):
    """The settings of the weights and of the scores. A training tunes the first eight."""

    penalty: float = Field(default=100.0, ge=1, description="Ridge penalty on the weights.")
    recency_power: float = Field(
        default=0.5, ge=0, le=3, description="Steepness of the recency decay; 0: old ratings count like new ones."
    )
    recency_scale: float = Field(
        default=5.0, gt=0, description="Number of later ratings from which on the recency decay is a power law."
    )
    next_weight: float = Field(
        default=0.4, ge=0, description="Weight of the next-ratings regression beside the co-occurrence weights."
    )
    popularity_damping: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Personal scores are divided by the movie's number of ratings to this power.",
    )
    prior_likes: float = Field(
        default=1.0,
        gt=0,
        description="Number of positive ratings at which the personal score and popularity weigh the same.",
    )
    prior_power: float = Field(
        default=1.0, gt=0, description="Steepness of the change from popularity to the personal score."
    )
    recent_popularity: float = Field(
        default=0.0, ge=0, le=1, description="Weight of the newest tenth of all ratings in the popularity."
    )
    reranker: Reranker | None = Field(
        default=None,
        description="Second stage that reorders the first 150 movies; None unless it was measured to improve them.",
    )
    always_items: int = Field(
        default=3_000, ge=1, description="Number of most-rated movies that have weights in any case."
    )
    min_ratings: int = Field(default=10, ge=1, description="Other movies have weights from this number of ratings on.")
    max_user_ratings: int = Field(
        default=1_000, ge=1, description="Use at most this many of each user's most recent ratings."
    )
    max_next_users: int = Field(
        default=100_000, ge=1, description="Learn the next ratings from about this many users, evenly sampled."
    )
    kept_weights: int = Field(
        default=800,
        ge=1,
        description="Number of strongest weights kept for each movie; the others are close to zero.",
    )
    fewest_weights: int = Field(
        default=400,
        ge=1,
        description="Keep as few as this if memory is short, so that more movies have weights.",
    )
    weights_mb: int = Field(
        default=MODEL_MEMORY_MB,
        ge=1,
        description="Memory budget of weights and factors, which bounds the number of movies with weights: 32 MB hold "
        "10,000.",
    )
    max_tail_share: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Part of the budget that the factors of the other movies may take: half of 28 MB hold 500,000.",
    )

    @property
    def decay(self) -> Decay:
        """The recency decay."""
        return Decay(self.recency_scale, self.recency_power)

    def max_items(self, n_rated: int = 0) -> int:
        """Return the number of movies whose weights fit beside the factors of the other rated ones."""
        return self._weights_that_fit(n_rated) // min(self.fewest_weights, self.kept_weights)

    def kept_of(self, n_items: int, n_rated: int = 0) -> int:
        """Return how many weights are kept for each of ``n_items`` movies."""
        return min(self.kept_weights, self._weights_that_fit(n_rated) // max(n_items, 1))

    @property
    def max_tail_items(self) -> int:
        """The number of movies whose factors fit into their part of the budget."""
        return int(self._budget * self.max_tail_share) // BYTES_A_TAIL_ITEM

    def _weights_that_fit(self, n_rated: int) -> int:
        return (self._budget - min(n_rated, self.max_tail_items) * BYTES_A_TAIL_ITEM) // BYTES_A_WEIGHT

    @property
    def _budget(self) -> int:
        return int(self.weights_mb * 1e6)


def most_rated(source: Source, config: EaseConfig) -> NDArray[np.int64]:
    """Return the items that get weights, the most rated first; equally rated ones by index."""
    counts = source.summary.item_counts
    n_enough = np.count_nonzero(counts >= config.min_ratings)
    n_rated = np.count_nonzero(counts)
    n_items = min(max(n_enough, config.always_items), n_rated, config.max_items(int(n_rated)))
    return np.argsort(-counts, kind="stable")[:n_items]


def popularity_damping(source: Source, items: NDArray[np.int64], power: float) -> NDArray[np.float32]:
    """Return the factor on the scores of each item: less than 1 for the most rated, more than 1 for the others.

    It keeps the scale of scores: the mean over the ratings is about 1.
    """
    counts = np.maximum(source.summary.item_counts[items], 1).astype(np.float64)
    usual = (counts**2).sum() / max(counts.sum(), 1)
    factors: NDArray[np.float32] = ((counts / usual) ** -power).astype(np.float32)
    return factors


def preference_weight(histories: Interactions) -> NDArray[np.float32]:
    """Return the preference that each rating expresses: the mean of a common scale and of the user's own.

    On the common scale a positive rating is 1. On the user's own scale a rating one star above the user's mean is 1.1.
    """
    common = COMMON_SCALE.take((2 * histories.stars).astype(np.int64))
    sums = histories.sums(histories.stars)
    means = (sums + MEAN_PRIOR_RATINGS * MEAN_PRIOR_STARS) / (histories.rating_counts + MEAN_PRIOR_RATINGS)
    own = 0.6 + 0.5 * (histories.stars - histories.broadcast(means))
    lowest, highest = OWN_SCALE_RANGE
    return ((common + np.minimum(np.maximum(own, lowest), highest)) / 2).astype(np.float32)


ONLY_NEGATIVE_FACTOR = 6.0
"""The factor on the negative preferences of a user without positive ones."""


def blended_popularity(source: Source, recent_weight: float) -> NDArray[np.float64]:
    """Return the share of users with a positive rating of each item, blended with the newest ratings' on its scale."""
    shares = source.like_shares
    if not recent_weight:
        return shares
    recent = source.recent_like_counts
    blended: NDArray[np.float64] = (1 - recent_weight) * shares + recent_weight * recent * (
        shares.sum() / max(recent.sum(), 1)
    )
    return blended


def personal_weights(
    histories: Interactions, *, prior_likes: float, prior_power: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights of positive and of negative preferences, 0 to 1, by the number of ratings of each user.

    Popularity has the rest of the first. Negative preferences count from the first rating on, and more without positive
    ones, because then they are all that is known: one rating of 1 star lowers similar movies.
    """
    powers = histories.like_counts.astype(np.float64) ** prior_power
    positive = powers / (powers + prior_likes**prior_power)
    evidence = histories.rating_counts / (histories.rating_counts + prior_likes)
    return positive, evidence * (positive + ONLY_NEGATIVE_FACTOR * (1 - positive))


def weighted_history(
    histories: Interactions, rows: NDArray[np.int32], decay: Decay
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Return row, weight and user offsets of the ratings of items with a row; the others have row -1."""
    values = preference_weight(histories) * decay.weights(histories.ages)
    places = rows[histories.items]
    is_chosen = places >= 0
    offsets = running_count(is_chosen)[histories.offsets]
    return places[is_chosen], values[is_chosen], offsets


def weighted_matrix(histories: Interactions, items: NDArray[np.int64], decay: Decay) -> csr_array[Any, tuple[int, int]]:
    """Return the same as a matrix, users by the chosen items."""
    rows, values, offsets = weighted_history(histories, inverse_index(items, histories.n_items), decay)
    return csr_array((values, rows, offsets), shape=(histories.n_users, items.size))
