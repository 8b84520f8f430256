"""Chooses the settings of EASE by what users went on to rate, within a fixed number of trials."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from server.recommender.algorithms.ease.model import EaseConfig, inputs_of, most_rated
from server.recommender.algorithms.ease.statistics import CooccurrenceStatistics
from server.recommender.data.interactions import Interactions, inverse_index
from server.recommender.data.splits import Split
from server.recommender.evaluation.ranking_metrics import list_qualities

MAX_ITEMS = 1_500
MAX_USERS = 1_500
"""Settings are tried on the most rated items and on a sample of the users: enough to tell them apart."""

FIRST_PENALTY = 200.0
STEP = 2.0
MAX_STEPS = 5
"""The penalty is doubled or halved while that helps, so often at most."""

HALF_LIVES = (3.0, 5.0, 10.0, 20.0, 40.0, 80.0)
FLOORS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
"""The first and the last of each are tried for the sake of their neighbours only."""
NEXT_WEIGHTS = (0.0, 0.4, 0.8)

Fading = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Trial:
    """Users with something to find among the items with weights, and the ratings their lists are made from."""

    split: Split
    items: NDArray[np.int64]

    def quality(self, scores: NDArray[np.float32]) -> float:
        """Measure lists: the mean of NDCG@10 and Recall@20, which is less noisy than either."""
        known = self.split.known
        seen = inverse_index(self.items, known.n_items)[known.items]
        scores = scores.copy()
        scores[known.users[seen >= 0], seen[seen >= 0]] = -np.inf
        n = min(20, self.items.size)
        lists = np.argpartition(-scores, n - 1, axis=1)[:, :n]
        order = np.argsort(-np.take_along_axis(scores, lists, axis=1), axis=1, kind="stable")
        qualities = list_qualities(self.items[np.take_along_axis(lists, order, axis=1)], self.split)
        return float(qualities.ndcg_at_10.mean() + qualities.recall_at_20.mean()) / 2

    def scores(self, weights: NDArray[np.float32], fading: Fading) -> NDArray[np.float32]:
        """Score the items for all users."""
        half_life, floor = fading
        scores: NDArray[np.float32] = (
            inputs_of(self.split.known, self.items, half_life=half_life, floor=floor) @ weights
        )
        return scores


@dataclass(frozen=True, eq=False)
class Candidate:
    """A penalty with its weights, and how they are best put together."""

    penalty: float
    together: NDArray[np.float32]
    following: NDArray[np.float32]
    next_weight: float
    quality: float

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weights as ``Ease`` would have them."""
        return self.together + np.float32(self.next_weight) * self.following


def tune_ease(known: Interactions, held_out: Interactions, config: EaseConfig, *, seed: int) -> EaseConfig:
    """Choose the penalty and the part of what is liked next, then how ratings fade.

    Costs two inversions a penalty, at most ``MAX_STEPS + 2`` penalties. With nothing to find among the items
    that have weights, the settings stay as they are.
    """
    items = np.sort(most_rated(known, config)[:MAX_ITEMS])
    findable = held_out.select_ratings(np.isin(held_out.items, items)).like_counts
    users = np.random.default_rng(seed).permutation(np.flatnonzero(findable))[:MAX_USERS]
    if not users.size:
        return config
    trial = Trial(Split(known, held_out).select_users(np.sort(users)), items)
    evidence = CooccurrenceStatistics.gather(
        known, items, max_user_ratings=config.max_user_ratings, max_next_users=config.max_next_users
    )
    best = _climb(trial, evidence, (config.half_life, config.floor))
    half_life, floor = _choose_fading(trial, best.weights)
    chosen = {"penalty": best.penalty, "half_life": half_life, "floor": floor, "next_weight": best.next_weight}
    return config.model_copy(update=chosen)


def _climb(trial: Trial, evidence: CooccurrenceStatistics, fading: Fading) -> Candidate:
    """Follow the penalty upwards, or else downwards, for as long as the lists get better."""
    best = _candidate(trial, evidence, FIRST_PENALTY, fading)
    for factor in (STEP, 1 / STEP):
        start = best
        for _ in range(MAX_STEPS):
            candidate = _candidate(trial, evidence, best.penalty * factor, fading)
            if candidate.quality <= best.quality:
                break
            best = candidate
        if best is not start:
            break
    return best


def _candidate(trial: Trial, evidence: CooccurrenceStatistics, penalty: float, fading: Fading) -> Candidate:
    together, following = evidence.weights_together(penalty), evidence.weights_next(penalty)
    of_together, of_next = trial.scores(together, fading), trial.scores(following, fading)
    qualities = [trial.quality(of_together + np.float32(weight) * of_next) for weight in NEXT_WEIGHTS]
    best = int(np.argmax(qualities))
    return Candidate(penalty, together, following, NEXT_WEIGHTS[best], qualities[best])


def _choose_fading(trial: Trial, weights: NDArray[np.float32]) -> Fading:
    """Try all half-lives with all floors; a score is linear in the floor.

    Each counts with its neighbours: the best of many noisy numbers is more often luck than the best region.
    """
    lasting = trial.scores(weights, (1.0, 1.0))
    passing = {half_life: trial.scores(weights, (half_life, 0.0)) for half_life in HALF_LIVES}

    def quality(fading: Fading) -> float:
        half_life, floor = fading
        return trial.quality(np.float32(floor) * lasting + np.float32(1 - floor) * passing[half_life])

    qualities = [[quality((half_life, floor)) for floor in FLOORS] for half_life in HALF_LIVES]
    smoothed = sliding_window_view(np.array(qualities), (3, 3)).mean(axis=(2, 3))
    half_life, floor = np.unravel_index(np.argmax(smoothed), smoothed.shape)
    return HALF_LIVES[half_life + 1], FLOORS[floor + 1]
