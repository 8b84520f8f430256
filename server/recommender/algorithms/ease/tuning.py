"""Tuning of EASE on held-out ratings, with a bounded number of fits."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from server.recommender.algorithms.ease.gram import Matrix
from server.recommender.algorithms.ease.new_user_tuning import tune_for_new_users
from server.recommender.algorithms.ease.reranker_tuning import tune_reranker
from server.recommender.algorithms.ease.scoring import EaseConfig, most_rated
from server.recommender.algorithms.ease.statistics import (
    CooccurrenceStatistics,
    NextStatistics,
    cooccurrence_weights,
    in_order,
    next_weights,
)
from server.recommender.algorithms.ease.tuning_sample import Decay, TuningSample
from server.recommender.data.holdouts import Holdouts

MAX_ITEMS = 1_500
"""The most-rated items are enough to tell settings apart."""

FIRST_PENALTY = 200.0
PENALTY_FACTOR = 2.0
MAX_STEPS = 5
"""The penalty is doubled or halved at most this many times, while the lists improve."""

HALF_LIVES = (3.0, 5.0, 10.0, 20.0, 40.0, 80.0)
FLOORS = (0.1, 0.2, 0.4, 0.8, 1.0)
"""The first and the last of each are only evaluated as neighbours of the others.

A floor below 0.2 follows the present session so closely that the lists for the next one get worse.
"""

NEXT_WEIGHTS = (0.0, 0.4, 0.8, 1.2, 1.6)


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

    def quality(self, scores: list[NDArray[np.float32]]) -> float:
        """Return the mean quality over the samples, which count the same."""
        qualities = [sample.quality(own) for sample, own in zip(self.samples, scores, strict=True)]
        return sum(qualities) / len(qualities)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A penalty with its weights, and the best weight of the next ratings."""

    penalty: float
    together: Matrix
    following: Matrix
    next_weight: float
    quality: float

    @property
    def weights(self) -> Matrix:
        """The sum of weights that ``Ease`` uses."""
        return self.together + np.float32(self.next_weight) * self.following


def tune_ease(holdouts: Holdouts, config: EaseConfig, *, seed: int) -> EaseConfig:
    """Return settings: the best penalty and weight of the next ratings, recency decay, cold start, second stage.

    Costs two inversions a penalty, for at most ``MAX_STEPS + 2`` penalties. The settings stay as they are if no
    held-out positive rating is of an item with weights.
    """
    rest = holdouts.rest
    items = np.sort(most_rated(rest, config)[:MAX_ITEMS])
    samples = TuningSamples.of(holdouts, items, seed=seed)
    if not samples.samples:
        return config
    statistics = CooccurrenceStatistics.gather(rest, items, config), NextStatistics.gather(rest, items, config)
    best = _climb(samples, statistics, (config.half_life, config.floor))
    half_life, floor = _choose_decay(samples, best.weights)
    chosen = {"penalty": best.penalty, "half_life": half_life, "floor": floor, "next_weight": best.next_weight}
    config = tune_for_new_users(holdouts, items, best.weights, config.model_copy(update=chosen), seed=seed)
    return tune_reranker(rest, [sample.split for sample in samples.samples], items, best.weights, config)


def _climb(samples: TuningSamples, statistics: Statistics, decay: Decay) -> Candidate:
    """Raise the penalty, or else lower it, while the lists improve."""
    best = _candidate(samples, statistics, FIRST_PENALTY, decay)
    for factor in (PENALTY_FACTOR, 1 / PENALTY_FACTOR):
        start = best
        for _ in range(MAX_STEPS):
            candidate = _candidate(samples, statistics, best.penalty * factor, decay)
            if candidate.quality <= best.quality:
                break
            best = candidate
        if best is not start:
            break
    return best


def _candidate(samples: TuningSamples, statistics: Statistics, penalty: float, decay: Decay) -> Candidate:
    cooccurrence, following_ratings = statistics
    order = cooccurrence.order
    together = in_order(cooccurrence_weights(cooccurrence.together(), penalty), order)
    following = in_order(next_weights(following_ratings.past.copy(), following_ratings.past_future, penalty), order)
    of_together, of_next = samples.scores(together, decay), samples.scores(following, decay)

    def quality(next_weight: float) -> float:
        factor = np.float32(next_weight)
        return samples.quality([one + factor * other for one, other in zip(of_together, of_next, strict=True)])

    qualities = [quality(weight) for weight in NEXT_WEIGHTS]
    best = int(np.argmax(qualities))
    return Candidate(penalty, together, following, NEXT_WEIGHTS[best], qualities[best])


def _choose_decay(samples: TuningSamples, weights: Matrix) -> Decay:
    """Return the best of all half-lives with all floors, each averaged with its neighbours.

    The best of many noisy numbers is more often luck than the best region. Scores are linear in the floor, so one
    product a half-life is enough.
    """
    lasting = samples.scores(weights, (1.0, 1.0))
    passing = {half_life: samples.scores(weights, (half_life, 0.0)) for half_life in HALF_LIVES}

    def quality(decay: Decay) -> float:
        half_life, floor = decay
        constant, decaying = np.float32(floor), np.float32(1 - floor)
        return samples.quality([
            constant * one + decaying * other for one, other in zip(lasting, passing[half_life], strict=True)
        ])

    qualities = [[quality((half_life, floor)) for floor in FLOORS] for half_life in HALF_LIVES]
    smoothed = sliding_window_view(np.array(qualities), (3, 3)).mean(axis=(2, 3))
    half_life, floor = np.unravel_index(np.argmax(smoothed), smoothed.shape)
    return HALF_LIVES[half_life + 1], FLOORS[floor + 1]
