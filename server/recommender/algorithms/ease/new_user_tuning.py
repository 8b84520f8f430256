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
from server.recommender.data.holdouts import EVALUATED_RATINGS, Holdouts, first_ratings

PRIOR_LIKES = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
PRIOR_POWERS = (1.0, 2.0)
RECENT_POPULARITIES = (0.1, 0.25, 0.5)

POPULARITY_MARGIN = 2.0
"""Each unit of quality below popularity counts this many times more than a unit above."""

NEWEST_ONE_IN = 3
"""The newest third of the new users is also measured by itself, because future users join later still."""

MIN_GAIN = 1.03
"""A larger weight of recent popularity must improve the lists by this factor: the samples are small."""

MAX_NEW_USERS = 500


@dataclass(frozen=True, eq=False)
class NewUserSample:
    """New users with a number of known ratings, and the parts of their scores."""

    sample: TuningSample
    positive: NDArray[np.float32]
    negative: NDArray[np.float32]

    @classmethod
    def of(cls, sample: TuningSample, weights: Matrix, config: EaseConfig) -> Self:
        """Sum up positive and negative preferences."""
        inputs = weighted_matrix(sample.split.known, sample.items, half_life=config.half_life, floor=config.floor)
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


def tune_for_new_users(holdouts: Holdouts, items: NDArray[np.int64], weights: Matrix, config: EaseConfig) -> EaseConfig:
    """Return settings with the best weight of recent popularity, and the best change to the personal score."""
    samples = {n_known: _sample(holdouts, items, n_known) for n_known in EVALUATED_RATINGS}
    without, *others = samples.values()
    if without is None or None in others:
        return config
    popularities = {
        weight: blended_popularity(holdouts.rest, weight)[items].astype(np.float32) for weight in RECENT_POPULARITIES
    }
    recent = _choose_recent_popularity(without, popularities)
    parts = [NewUserSample.of(sample, weights, config) for sample in others if sample is not None]
    plain = blended_popularity(holdouts.rest, 0)[items].astype(np.float32)
    floors = [part.popularity_quality(plain) for part in parts]

    def worth(prior: tuple[float, float]) -> float:
        margins = np.array([part.quality(popularities[recent], prior) for part in parts]) - floors
        return float(margins.mean() + POPULARITY_MARGIN * np.minimum(margins, 0).mean())

    prior_likes, prior_power = max(product(PRIOR_LIKES, PRIOR_POWERS), key=worth)
    chosen = {"recent_popularity": recent, "prior_likes": prior_likes, "prior_power": prior_power}
    return config.model_copy(update=chosen)


def _sample(holdouts: Holdouts, items: NDArray[np.int64], n_known: int) -> TuningSample | None:
    users = np.arange(min(holdouts.new_users.n_users, MAX_NEW_USERS))
    return TuningSample.of(first_ratings(holdouts.new_users.select_users(users), n_known), items, seed=0)


def _choose_recent_popularity(sample: TuningSample, popularities: dict[float, NDArray[np.float32]]) -> float:
    """Return the largest weight up to which the lists without ratings improve for all users and for the newest."""
    held_out = sample.split.held_out
    joined = held_out.rated_at[held_out.offsets[:-1]]
    newest = np.sort(np.argsort(joined, kind="stable")[-max(1, joined.size // NEWEST_ONE_IN) :])
    samples = (sample, TuningSample(sample.split.select_users(newest), sample.items))
    chosen, *larger = popularities
    for weight in larger:
        qualities = [
            [each.quality(np.tile(popularities[one], (each.split.known.n_users, 1))) for each in samples]
            for one in (chosen, weight)
        ]
        if not np.all(np.array(qualities[1]) > MIN_GAIN * np.array(qualities[0])):
            break
        chosen = weight
    return chosen
