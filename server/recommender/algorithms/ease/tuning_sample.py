"""Users whose lists tell settings apart."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from server.recommender.algorithms.ease.gram import Matrix
from server.recommender.algorithms.ease.scoring import NO_DECAY, Decay, weighted_history, weighted_matrix
from server.recommender.data.lists import list_qualities
from server.recommender.data.positions import inverse_index, running_count
from server.recommender.data.splits import Split

MAX_USERS = 1_500
"""More users are sampled."""

KNOTS = np.array([0, 1, 2, 5, 12, 30, 100, 300, 1_000])
"""The ages at which a recency decay is exact; between them it is linear in the log of the age."""


@dataclass(frozen=True, eq=False)
class TuningSample:
    """Users with held-out positive ratings of the items with weights."""

    split: Split
    items: NDArray[np.int64]
    users: NDArray[np.int64]
    """The index of each user in the split that the sample is of, ascending."""

    @classmethod
    def of(cls, split: Split, items: NDArray[np.int64], *, seed: int) -> Self | None:
        """Return a sample of the users of a split; None if no held-out positive rating is of one of the items."""
        findable = split.held_out.select_ratings(np.isin(split.held_out.items, items)).like_counts
        users = np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(findable))[:MAX_USERS])
        return cls(split.select_users(users), items, users) if users.size else None

    def quality(self, scores: NDArray[np.float32]) -> float:
        """Return the mean quality over the users."""
        return float(self.qualities(scores).mean())

    def qualities(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return for each user the mean of NDCG@10 and Recall@20, which is less noisy than either."""
        known = self.split.known
        seen = inverse_index(self.items, known.n_items)[known.items]
        scores = scores.copy()
        scores[known.users[seen >= 0], seen[seen >= 0]] = -np.inf
        n = min(20, self.items.size)
        lists = np.argpartition(-scores, n - 1, axis=1)[:, :n]
        order = np.argsort(-np.take_along_axis(scores, lists, axis=1), axis=1, kind="stable")
        qualities = list_qualities(self.items[np.take_along_axis(lists, order, axis=1)], self.split)
        means: NDArray[np.float64] = (qualities.ndcg_at_10 + qualities.recall_at_20) / 2
        return means

    def scores(self, weights: Matrix, decay: Decay) -> NDArray[np.float32]:
        """Return the scores of the items for all users."""
        scores: NDArray[np.float32] = weighted_matrix(self.split.known, self.items, decay) @ weights
        return scores

    def score_parts(self, weights: Matrix) -> "ScoreParts":
        """Return the scores by age of the ratings, from which those with any recency decay follow."""
        known = self.split.known
        rows = inverse_index(self.items, known.n_items)
        columns, preferences, offsets = weighted_history(known, rows, NO_DECAY)
        places = np.interp(np.log1p(known.ages[rows[known.items] >= 0]), np.log1p(KNOTS), np.arange(KNOTS.size))
        parts = []
        for knot in range(KNOTS.size):
            shares = np.maximum(1 - np.abs(places - knot), 0).astype(np.float32)
            is_near = shares > 0
            near = (preferences * shares)[is_near], columns[is_near], running_count(is_near)[offsets]
            parts.append(csr_array(near, shape=(known.n_users, self.items.size)) @ weights)
        return ScoreParts(tuple(parts))


@dataclass(frozen=True, eq=False)
class ScoreParts:
    """The scores of users by items, split by the age of the ratings that they follow from."""

    parts: tuple[NDArray[np.float32], ...]
    """The sums of the weights from the ratings near each knot."""

    def scores(self, decay: Decay) -> NDArray[np.float32]:
        """Return the scores with a recency decay."""
        scores = np.zeros_like(self.parts[0])
        for factor, part in zip(decay.weights(KNOTS), self.parts, strict=True):
            scores += factor * part
        return scores
