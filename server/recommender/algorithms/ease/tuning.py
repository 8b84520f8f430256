"""Tuning of EASE on held-out ratings, with a bounded number of fits."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from server.recommender.algorithms.ease.gram import Matrix
from server.recommender.algorithms.ease.scoring import EaseConfig, most_rated, weighted_matrix
from server.recommender.algorithms.ease.statistics import (
    CooccurrenceStatistics,
    cooccurrence_weights,
    in_order,
    next_weights,
)
from server.recommender.data.interactions import inverse_index
from server.recommender.data.lists import list_qualities
from server.recommender.data.splits import Split

MAX_ITEMS = 1_500
MAX_USERS = 1_500
"""The most-rated items and a sample of users are enough to tell settings apart."""

FIRST_PENALTY = 200.0
PENALTY_FACTOR = 2.0
MAX_STEPS = 5
"""The penalty is doubled or halved at most this many times, while the lists improve."""

HALF_LIVES = (3.0, 5.0, 10.0, 20.0, 40.0, 80.0)
FLOORS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""The first and the last of each are only evaluated as neighbours of the others."""

NEXT_WEIGHTS = (0.0, 0.4, 0.8)

Decay = tuple[float, float]
"""Half-life and floor."""


@dataclass(frozen=True, eq=False)
class TuningSample:
    """Users with held-out positive ratings of the items with weights."""

    split: Split
    items: NDArray[np.int64]

    def quality(self, scores: NDArray[np.float32]) -> float:
        """Return the mean of NDCG@10 and Recall@20, which is less noisy than either."""
        known = self.split.known
        seen = inverse_index(self.items, known.n_items)[known.items]
        scores = scores.copy()
        scores[known.users[seen >= 0], seen[seen >= 0]] = -np.inf
        n = min(20, self.items.size)
        lists = np.argpartition(-scores, n - 1, axis=1)[:, :n]
        order = np.argsort(-np.take_along_axis(scores, lists, axis=1), axis=1, kind="stable")
        qualities = list_qualities(self.items[np.take_along_axis(lists, order, axis=1)], self.split)
        return float(qualities.ndcg_at_10.mean() + qualities.recall_at_20.mean()) / 2

    def scores(self, weights: Matrix, decay: Decay) -> NDArray[np.float32]:
        """Return the scores of the items for all users."""
        half_life, floor = decay
        scores: NDArray[np.float32] = (
            weighted_matrix(self.split.known, self.items, half_life=half_life, floor=floor) @ weights
        )
        return scores


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


def tune_ease(split: Split, config: EaseConfig, *, seed: int) -> EaseConfig:
    """Return settings with the best penalty and weight of the next ratings, then the best recency decay.

    Costs two inversions a penalty, for at most ``MAX_STEPS + 2`` penalties. The settings stay as they are if no
    held-out positive rating is of an item with weights.
    """
    known, held_out = split.known, split.held_out
    items = np.sort(most_rated(known, config)[:MAX_ITEMS])
    findable = held_out.select_ratings(np.isin(held_out.items, items)).like_counts
    users = np.random.default_rng(seed).permutation(np.flatnonzero(findable))[:MAX_USERS]
    if not users.size:
        return config
    sample = TuningSample(split.select_users(np.sort(users)), items)
    best = _climb(sample, CooccurrenceStatistics.gather(known, items, config), (config.half_life, config.floor))
    half_life, floor = _choose_decay(sample, best.weights)
    chosen = {"penalty": best.penalty, "half_life": half_life, "floor": floor, "next_weight": best.next_weight}
    return config.model_copy(update=chosen)


def _climb(sample: TuningSample, statistics: CooccurrenceStatistics, decay: Decay) -> Candidate:
    """Raise the penalty, or else lower it, while the lists improve."""
    best = _candidate(sample, statistics, FIRST_PENALTY, decay)
    for factor in (PENALTY_FACTOR, 1 / PENALTY_FACTOR):
        start = best
        for _ in range(MAX_STEPS):
            candidate = _candidate(sample, statistics, best.penalty * factor, decay)
            if candidate.quality <= best.quality:
                break
            best = candidate
        if best is not start:
            break
    return best


def _candidate(sample: TuningSample, statistics: CooccurrenceStatistics, penalty: float, decay: Decay) -> Candidate:
    together = in_order(cooccurrence_weights(statistics.together.copy(), penalty), statistics.order)
    following = in_order(next_weights(statistics.past.copy(), statistics.past_future, penalty), statistics.order)
    of_together, of_next = sample.scores(together, decay), sample.scores(following, decay)
    qualities = [sample.quality(of_together + np.float32(weight) * of_next) for weight in NEXT_WEIGHTS]
    best = int(np.argmax(qualities))
    return Candidate(penalty, together, following, NEXT_WEIGHTS[best], qualities[best])


def _choose_decay(sample: TuningSample, weights: Matrix) -> Decay:
    """Return the best of all half-lives with all floors, each averaged with its neighbours.

    The best of many noisy numbers is more often luck than the best region. Scores are linear in the floor, so one
    product a half-life is enough.
    """
    lasting = sample.scores(weights, (1.0, 1.0))
    passing = {half_life: sample.scores(weights, (half_life, 0.0)) for half_life in HALF_LIVES}

    def quality(decay: Decay) -> float:
        half_life, floor = decay
        return sample.quality(np.float32(floor) * lasting + np.float32(1 - floor) * passing[half_life])

    qualities = [[quality((half_life, floor)) for floor in FLOORS] for half_life in HALF_LIVES]
    smoothed = sliding_window_view(np.array(qualities), (3, 3)).mean(axis=(2, 3))
    half_life, floor = np.unravel_index(np.argmax(smoothed), smoothed.shape)
    return HALF_LIVES[half_life + 1], FLOORS[floor + 1]
