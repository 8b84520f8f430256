"""Tuning of the cold start on simulated new users: users that no fit has seen, with their first ratings known."""

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.gram import Matrix
from server.recommender.algorithms.ease.scoring import (
    EaseConfig,
    blended_popularity,
    personal_weights,
    weighted_matrix,
)
from server.recommender.algorithms.ease.tuning_sample import TuningSample
from server.recommender.data.holdouts import EVALUATED_RATINGS, MIN_NEW_USER_RATINGS, Holdouts, first_ratings
from server.recommender.data.interactions import Interactions, Source

PRIOR_LIKES = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
PRIOR_POWERS = (1.0, 2.0)
RECENT_POPULARITIES = (0.1, 0.25, 0.5)

POPULARITY_MARGIN = 2.0
"""Each unit of quality below popularity counts this many times more than a unit above."""

NEWEST_ONE_IN = 3
"""The newest third of the new users is also measured by itself, because future users join later still."""

MIN_STANDARD_ERRORS = 2.0
"""Recent popularity must improve the lists of the newest users by this many standard errors, else it is left out."""

MAX_NEW_USERS = 500
MAX_STRANGERS = 2_000
"""Popularity without the ratings of one user is cheap to compute, so this sample is larger."""


@dataclass(frozen=True, eq=False)
class NewUserSample:
    """New users with a number of known ratings, and the parts of their scores."""

    sample: TuningSample
    positive: NDArray[np.float32]
    negative: NDArray[np.float32]

    @classmethod
    def of(cls, sample: TuningSample, weights: Matrix, config: EaseConfig) -> Self:
        """Sum up positive and negative preferences."""
        inputs = weighted_matrix(sample.split.known, sample.items, config.decay)
        return cls(sample, inputs.maximum(0) @ weights, inputs.minimum(0) @ weights)

    def quality(self, popularity: NDArray[np.float32], prior: tuple[float, float]) -> float:
        """Return the quality of the blend of the parts with popularity."""
        prior_likes, prior_power = prior
        positive, negative = personal_weights(self.sample.split.known, prior_likes=prior_likes, prior_power=prior_power)
        scores = positive[:, None] * self.positive + negative[:, None] * self.negative
        return self.sample.quality((scores + (1 - positive[:, None]) * popularity).astype(np.float32))

    def popularity_quality(self, popularity: NDArray[np.float32]) -> float:
        """Return the quality of popularity alone."""
        return self.sample.quality(np.tile(popularity, (self.positive.shape[0], 1)))


@dataclass(frozen=True, eq=False)
class Strangers:
    """Users without known ratings, and the popularity of the items among all others."""

    sample: TuningSample
    likes: NDArray[np.float32]
    """The number of positive ratings of each item by the other users, users by items."""
    recent: NDArray[np.float32]
    """The same of the newest ratings, on the scale of all."""
    is_newest: NDArray[np.bool_]
    """Whether the user is among those who joined last."""

    @classmethod
    def of(cls, source: Source, items: NDArray[np.int64], *, seed: int) -> Self | None:
        """Sample users and leave their own ratings out of the popularity; None without users."""
        user_ids, rating_counts = source.per_user(_rating_counts)
        enough = user_ids[rating_counts >= MIN_NEW_USER_RATINGS]
        chosen_ids = np.random.default_rng(seed).permutation(enough)[:MAX_STRANGERS]
        strangers = source.read_users(np.sort(chosen_ids))
        sample = TuningSample.of(first_ratings(strangers, 0), items, seed=seed)
        if sample is None:
            return None
        chosen = strangers.select_users(sample.users)
        newest = chosen.select_ratings(chosen.rated_at >= source.recent_moment)
        likes, recent = (
            counts[items] - own.likes()[:, items].toarray()
            for counts, own in ((source.summary.like_counts, chosen), (source.recent_like_counts, newest))
        )
        scale = likes.sum(axis=1, keepdims=True) / np.maximum(recent.sum(axis=1, keepdims=True), 1)
        joined = chosen.rated_at[chosen.offsets[:-1]]
        is_newest = joined >= np.quantile(joined, 1 - 1 / NEWEST_ONE_IN)
        return cls(sample, likes.astype(np.float32), (recent * scale).astype(np.float32), is_newest)

    def qualities(self, recent_weight: float) -> NDArray[np.float64]:
        """Return the quality of the list of each user."""
        weight = np.float32(recent_weight)
        return self.sample.qualities((1 - weight) * self.likes + weight * self.recent)


def _rating_counts(block: Interactions) -> tuple[NDArray[np.int64]]:
    return (block.rating_counts,)


def choose_recent_popularity(source: Source, items: NDArray[np.int64], *, seed: int) -> float:
    """Return the best weight of recent popularity for users without ratings; 0 if it does not clearly pay.

    The lists of the newest users have to gain more than chance explains, and those of all users must not lose more.
    """
    strangers = Strangers.of(source, items, seed=seed)
    if strangers is None:
        return 0.0
    plain = strangers.qualities(0)
    gains = {weight: strangers.qualities(weight) - plain for weight in RECENT_POPULARITIES}
    worth = {weight: _worth_of_recency(gain, strangers.is_newest) for weight, gain in gains.items()}
    best = max(RECENT_POPULARITIES, key=lambda weight: worth[weight])
    return best if worth[best] > 0 else 0.0


def _worth_of_recency(gains: NDArray[np.float64], is_newest: NDArray[np.bool_]) -> float:
    """Return the mean gain of all users and of the newest ones; 0 if it may be chance, or if all users lose."""
    newest = gains[is_newest]
    is_clear = newest.mean() > MIN_STANDARD_ERRORS * _standard_error(newest)
    is_harmless = gains.mean() > -_standard_error(gains)
    return float(gains.mean() + newest.mean()) if is_clear and is_harmless else 0.0


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std() / np.sqrt(values.size))


def tune_for_new_users(
    holdouts: Holdouts, items: NDArray[np.int64], weights: Matrix, config: EaseConfig, *, seed: int
) -> EaseConfig:
    """Return settings with the best weight of recent popularity, and the best change to the personal score."""
    recent = choose_recent_popularity(holdouts.rest, items, seed=seed)
    config = config.model_copy(update={"recent_popularity": recent})
    samples = [_sample(holdouts, items, n_known) for n_known in EVALUATED_RATINGS if n_known]
    parts = [NewUserSample.of(sample, weights, config) for sample in samples if sample is not None]
    if len(parts) < len(samples):
        return config
    popularity, plain = (
        blended_popularity(holdouts.rest, weight)[items].astype(np.float32) for weight in (recent, 0.0)
    )
    floors = [part.popularity_quality(plain) for part in parts]

    def worth(prior: tuple[float, float]) -> float:
        margins = np.array([part.quality(popularity, prior) for part in parts]) - floors
        return float(margins.mean() + POPULARITY_MARGIN * np.minimum(margins, 0).mean())

    prior_likes, prior_power = max(product(PRIOR_LIKES, PRIOR_POWERS), key=worth)
    return config.model_copy(update={"prior_likes": prior_likes, "prior_power": prior_power})


def _sample(holdouts: Holdouts, items: NDArray[np.int64], n_known: int) -> TuningSample | None:
    users = np.arange(min(holdouts.new_users.n_users, MAX_NEW_USERS))
    return TuningSample.of(first_ratings(holdouts.new_users.select_users(users), n_known), items, seed=0)
