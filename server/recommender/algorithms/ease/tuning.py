"""Tuning of EASE on held-out ratings, with a bounded number of fits."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.gram import Matrix
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.new_user_tuning import tune_for_new_users
from server.recommender.algorithms.ease.reranker_tuning import tune_reranker
from server.recommender.algorithms.ease.scoring import Decay, EaseConfig, most_rated, popularity_damping
from server.recommender.algorithms.ease.statistics import (
    CooccurrenceStatistics,
    NextStatistics,
    cooccurrence_weights,
    in_order,
    next_weights,
)
from server.recommender.algorithms.ease.tail import Tastes
from server.recommender.algorithms.ease.tuning_sample import TuningSample
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.holdouts import Holdouts

MAX_ITEMS = 1_500
"""The most-rated items are enough to tell settings apart."""

PENALTY_FACTOR = 2.0
MAX_STEPS = 5
"""The penalty is doubled or halved at most this many times, while the lists improve."""

SCALES = (1.0, 2.0, 5.0, 10.0, 30.0)
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
"""The first and the last of each are only evaluated as neighbours of the others."""

NEXT_WEIGHTS = (0.0, 0.4, 0.8, 1.2, 1.6)

CLEAR_STANDARD_ERRORS = 2.0
"""A setting must improve the lists by this many standard errors: the best of many noisy numbers is often luck.

With one standard error, a small data set gets settings that are worse on other held-out ratings than the defaults.
"""

Statistics = tuple[CooccurrenceStatistics, NextStatistics]


@dataclass(frozen=True, eq=False)
class TuningSamples:
    """Users of both kinds: with the end of their ratings held out, and with the next session held out."""

    samples: tuple[TuningSample, ...]

    @classmethod
    def of(cls, holdouts: Holdouts, items: NDArray[np.int64], *, seed: int) -> Self:
        """Return the samples with users, at most two."""
        samples = (TuningSample.of(split, items, seed=seed) for split in (holdouts.split, holdouts.session))
        return cls(tuple(sample for sample in samples if sample is not None))

    def scores(self, weights: Matrix, decay: Decay) -> list[NDArray[np.float32]]:
        """Return the scores of the items for the users of each sample."""
        return [sample.scores(weights, decay) for sample in self.samples]

    def qualities(self, scores: list[NDArray[np.float32]]) -> "Qualities":
        """Return the quality of each user's list."""
        return Qualities([sample.qualities(own) for sample, own in zip(self.samples, scores, strict=True)])


@dataclass(frozen=True, eq=False)
class Qualities:
    """The quality of each user's list, by sample. Both samples count the same."""

    of_samples: list[NDArray[np.float64]]

    @property
    def mean(self) -> float:
        """The mean over the samples."""
        return sum(float(own.mean()) for own in self.of_samples) / len(self.of_samples)

    def is_clearly_above(self, other: Self) -> bool:
        """Return whether the mean gain is more than chance explains.

        A few users may gain the same by chance, so the variance of a sample is at least that of both together.
        """
        gains = [own - before for own, before in zip(self.of_samples, other.of_samples, strict=True)]
        common = np.concatenate([gain - gain.mean() for gain in gains]).var()
        variance = sum(max(float(gain.var()), float(common)) / gain.size for gain in gains)
        return sum(float(gain.mean()) for gain in gains) > CLEAR_STANDARD_ERRORS * math.sqrt(variance)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A penalty with its weights, and the best weight of the next ratings."""

    penalty: float
    together: Matrix
    following: Matrix
    next_weight: float
    qualities: Qualities

    @property
    def weights(self) -> Matrix:
        """The sum of weights that ``Ease`` uses."""
        return self.together + np.float32(self.next_weight) * self.following


def tune_ease(holdouts: Holdouts, config: EaseConfig, *, seed: int, catalogue: Catalogue | None = None) -> EaseConfig:
    """Return settings: the best penalty and weight of the next ratings, recency decay, cold start, second stage.

    A setting changes only if the lists get clearly better. Costs two inversions a penalty, for at most
    ``MAX_STEPS + 2`` penalties. The settings stay as they are if no held-out positive rating is of an item with
    weights.
    """
    rest = holdouts.rest
    items = np.sort(most_rated(rest, config)[:MAX_ITEMS])
    samples = TuningSamples.of(holdouts, items, seed=seed)
    if not samples.samples:
        return config
    statistics = CooccurrenceStatistics.gather(rest, items, config), NextStatistics.gather(rest, items, config)
    damping = popularity_damping(rest, items, config.popularity_damping)
    best = _climb(samples, statistics, damping, config)
    decay = _choose_decay(samples, best.weights, config.decay)
    chosen = {
        "penalty": best.penalty,
        "recency_scale": decay.scale,
        "recency_power": decay.power,
        "next_weight": best.next_weight,
    }
    config = tune_for_new_users(holdouts, items, best.weights, config.model_copy(update=chosen), seed=seed)
    splits = [sample.split for sample in samples.samples]
    movies = Catalogue.of_ids(rest.movie_ids) if catalogue is None else catalogue
    directions = Tastes.of(statistics[0]).directions
    return tune_reranker(Ease.of_weights(rest, config, items, best.weights, directions, movies), splits)


def _climb(
    samples: TuningSamples, statistics: Statistics, damping: NDArray[np.float32], config: EaseConfig
) -> Candidate:
    """Raise the penalty, or else lower it, while the lists get clearly better."""
    best = _candidate(samples, statistics, damping, config.penalty, config)
    for factor in (PENALTY_FACTOR, 1 / PENALTY_FACTOR):
        start = best
        for _ in range(MAX_STEPS):
            candidate = _candidate(samples, statistics, damping, best.penalty * factor, config)
            if not candidate.qualities.is_clearly_above(best.qualities):
                break
            best = candidate
        if best is not start:
            break
    return best


def _candidate(
    samples: TuningSamples, statistics: Statistics, damping: NDArray[np.float32], penalty: float, config: EaseConfig
) -> Candidate:
    cooccurrence, following_ratings = statistics
    order = cooccurrence.order
    together = in_order(cooccurrence_weights(cooccurrence.together(), penalty), order)
    following = in_order(
        next_weights(following_ratings.past.copy(), following_ratings.past_future.copy(), penalty), order
    )
    together *= damping
    following *= damping
    of_together, of_next = samples.scores(together, config.decay), samples.scores(following, config.decay)

    def qualities(next_weight: float) -> Qualities:
        factor = np.float32(next_weight)
        return samples.qualities([one + factor * other for one, other in zip(of_together, of_next, strict=True)])

    usual = qualities(config.next_weight)
    tried = {weight: qualities(weight) for weight in NEXT_WEIGHTS if weight != config.next_weight}
    best = max(tried, key=lambda weight: tried[weight].mean)
    if tried[best].is_clearly_above(usual):
        return Candidate(penalty, together, following, best, tried[best])
    return Candidate(penalty, together, following, config.next_weight, usual)


def _choose_decay(samples: TuningSamples, weights: Matrix, usual: Decay) -> Decay:
    """Return the best of all decays, each averaged with its neighbours, or the usual one if none is clearly better."""
    parts = [sample.score_parts(weights) for sample in samples.samples]
    grid = [
        [samples.qualities([own.scores(Decay(scale, power)) for own in parts]) for power in POWERS] for scale in SCALES
    ]
    smoothed = {
        Decay(SCALES[row], POWERS[column]): _mean_of_neighbours(grid, row, column)
        for row in range(1, len(SCALES) - 1)
        for column in range(1, len(POWERS) - 1)
    }
    best = max(smoothed, key=lambda decay: smoothed[decay].mean)
    is_better = usual not in smoothed or smoothed[best].is_clearly_above(smoothed[usual])
    return best if is_better else usual


def _mean_of_neighbours(grid: list[list[Qualities]], row: int, column: int) -> Qualities:
    """Return the mean of nine neighbours in the grid, user by user."""
    nine = [own for line in grid[row - 1 : row + 2] for own in line[column - 1 : column + 2]]
    by_sample = zip(*(own.of_samples for own in nine), strict=True)
    return Qualities([np.mean(own, axis=0) for own in by_sample])
