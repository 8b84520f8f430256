"""Users whose lists tell settings apart."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.gram import Matrix
from server.recommender.algorithms.ease.scoring import weighted_matrix
from server.recommender.data.interactions import inverse_index
from server.recommender.data.lists import list_qualities
from server.recommender.data.splits import Split

MAX_USERS = 1_500
"""More users are sampled."""

Decay = tuple[float, float]
"""Half-life and floor."""


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
        half_life, floor = decay
        scores: NDArray[np.float32] = (
            weighted_matrix(self.split.known, self.items, half_life=half_life, floor=floor) @ weights
        )
        return scores
