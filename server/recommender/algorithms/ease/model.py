"""EASE: a score is a sum over the movies a user has rated, with weights that have a closed form."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from server.recommender.algorithms.base import MODEL_MEMORY_MB, Algorithm, AlgorithmConfig
from server.recommender.algorithms.ease.gram import Rows
from server.recommender.algorithms.ease.sparse_sums import SparseRowAccumulator
from server.recommender.algorithms.ease.statistics import CooccurrenceStatistics, preference_weight, recency_decay
from server.recommender.data.interactions import Interactions, index_of, inverse_index, running_count

BYTES_A_WEIGHT = np.dtype(np.float32).itemsize + np.dtype(np.int32).itemsize
"""Itself, and whose it is."""

ROWS_AT_ONCE = 1_000


class EaseConfig(AlgorithmConfig):
    """The settings of the weights and of the scores. A training chooses the first four by itself."""

    penalty: float = Field(default=200.0, ge=1, description="Penalty on the squares of the weights.")
    half_life: float = Field(
        default=10.0, gt=0, description="After how many later ratings a rating counts half of what fades."
    )
    floor: float = Field(default=0.2, ge=0, le=1, description="Part of a rating's weight that never fades.")
    next_weight: float = Field(
        default=0.4, ge=0, description="How much what is liked next counts, beside what is liked together."
    )
    prior_likes: float = Field(
        default=0.25, gt=0, description="How many likes popularity weighs as much as, when the two are blended."
    )
    always_items: int = Field(default=2_000, ge=1, description="So many of the most rated movies have weights.")
    min_ratings: int = Field(default=10, ge=1, description="Of the other movies, those with so many ratings have, too.")
    max_user_ratings: int = Field(
        default=1_000, ge=1, description="Of each user so many latest ratings are learned from."
    )
    max_next_users: int = Field(
        default=100_000, ge=1, description="From about so many users it is learned what is liked next, evenly chosen."
    )
    kept_weights: int = Field(
        default=800,
        ge=1,
        description="Of each movie's weights for others so many are kept, the strongest; the rest is next to nothing.",
    )
    fewest_weights: int = Field(
        default=400, ge=1, description="Down to so many are kept where memory is short, so that more movies have some."
    )
    weights_mb: int = Field(
        default=MODEL_MEMORY_MB,
        ge=1,
        description="But no more movies than weights fit into this memory: 32 MB are 10,000 movies.",
    )

    @property
    def max_items(self) -> int:
        """How many movies have weights that fit into the memory for them."""
        return self._weights_that_fit // min(self.fewest_weights, self.kept_weights)

    def kept_of(self, n_items: int) -> int:
        """How many weights of each of so many movies are kept."""
        return min(self.kept_weights, self._weights_that_fit // n_items)

    @property
    def _weights_that_fit(self) -> int:
        return int(self.weights_mb * 1e6) // BYTES_A_WEIGHT


@dataclass(frozen=True, eq=False)
class Ease(Algorithm[EaseConfig]):
    """Adds up, for each movie, the weights from all that the user has rated, the latest ratings most.

    The weights are EASE's (Steck, WWW 2019), of movies liked together, and those of a ridge regression of what
    users liked next on what they had liked before. Only the strongest are kept: the lists are as good, and of
    10,000 movies they cost a tenth of the memory. A rating counts at once, and a new user is no special case.
    """

    name: ClassVar = "ease"
    config_class: ClassVar = EaseConfig

    items: NDArray[np.int64]
    """The items that have weights, ascending."""
    columns: NDArray[np.int32]
    """Items by kept weights: whom each has weights for, as places in ``items``, ascending."""
    weights: NDArray[np.float32]
    """Those weights, of the row's item for the column's."""
    lengths: NDArray[np.float32]
    """What each item is given by all others: the root of the sum of the squares."""

    @classmethod
    def settings_within(cls, memory_mb: int) -> EaseConfig:
        """Give all the memory to the weights."""
        return EaseConfig(weights_mb=memory_mb)

    @classmethod
    def fit(cls, interactions: Interactions, config: EaseConfig, *, seed: int) -> Self:  # noqa: ARG003 (the solution is exact)
        """Solve for the weights."""
        items = np.sort(most_rated(interactions, config))
        evidence = CooccurrenceStatistics.gather(
            interactions, items, max_user_ratings=config.max_user_ratings, max_next_users=config.max_next_users
        )
        weights = evidence.weights_together(config.penalty, is_last=True)
        if config.next_weight:
            weights += np.float32(config.next_weight) * evidence.weights_next(config.penalty, is_last=True)
        columns, kept = _strongest(weights, config.kept_of(items.size))
        lengths = np.sqrt(np.bincount(columns.ravel(), (kept**2).ravel(), items.size)).astype(np.float32)
        return cls(config, interactions.like_shares, items, columns, kept, lengths)

    @classmethod
    def tune(cls, known: Interactions, held_out: Interactions, config: EaseConfig, *, seed: int) -> EaseConfig:
        """Choose the penalty, how ratings fade, and how much what is liked next counts."""
        from server.recommender.algorithms.ease.tuning import tune_ease  # noqa: PLC0415 (it measures what this module makes)

        return tune_ease(known, held_out, config, seed=seed)

    @property
    def modelled_items(self) -> NDArray[np.int64]:
        """The items that have weights."""
        return self.items

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Blend the weights' sums with popularity, by ``likes / (likes + prior_likes)``.

        Items without weights come after those with, by popularity.
        """
        scores = np.empty((histories.n_users, histories.n_items))
        for row, (modelled, share_of_popularity, lowest) in zip(scores, self._blend(histories), strict=True):
            row[:] = share_of_popularity * self.like_shares + lowest
            row[self.items] = modelled
        return scores

    def score_some(self, history: Interactions, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Score without going through the whole catalogue."""
        ((modelled, share_of_popularity, lowest),) = self._blend(history)
        return np.concatenate((modelled, share_of_popularity * self.like_shares[others] + lowest))

    @cached_property
    def _shares_of_items(self) -> NDArray[np.float64]:
        return self.like_shares[self.items]

    def _blend(self, histories: Interactions) -> Iterator[tuple[NDArray[np.float64], float, float]]:
        """Yield, user by user, the scores of the items with weights.

        With them, for the other items, the share that popularity has in a score, and what is added to that.
        """
        rows, values, offsets = weighted_history(
            histories, self._rows, half_life=self.config.half_life, floor=self.config.floor
        )
        for trust, (start, end) in zip(self._trust(histories).tolist(), pairwise(offsets.tolist()), strict=True):
            personal = self._row_sums.add_up(rows[start:end], trust * values[start:end])
            modelled = (1 - trust) * self._shares_of_items
            modelled += personal
            yield modelled, 1 - trust, min(float(personal.min()), 0.0)

    @cached_property
    def _row_sums(self) -> SparseRowAccumulator:
        return SparseRowAccumulator(self.columns, self.weights, self.items.size)

    @cached_property
    def _rows(self) -> NDArray[np.int32]:
        """The row of each item of the catalogue, -1 for those without weights."""
        return inverse_index(self.items, self.like_shares.size)

    def contributions(self, history: Interactions, items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the terms of the sums: exactly what each rating adds."""
        rows, has_row = index_of(self.items, history.items)
        columns, has_column = index_of(self.items, items)
        values = preference_weight(history) * recency_decay(
            history.ages, half_life=self.config.half_life, floor=self.config.floor
        )
        # Row and column in one number: all the weights of the rows, ascending, and those that are wanted.
        first = np.arange(rows.size)[:, None] * self.items.size
        places, is_kept = index_of((first + self.columns[rows]).ravel(), (first + columns).ravel())
        weights = np.where(is_kept, self.weights[rows].ravel()[places], 0) if places.size else np.empty(0)
        terms = values[:, None] * weights.reshape(rows.size, columns.size).astype(np.float64)
        contributions: NDArray[np.float64] = self._trust(history)[0] * terms * has_row[:, None] * has_column
        return contributions

    def similarities(self, item: int) -> NDArray[np.float64]:
        """Give the cosines between columns: movies are alike that the same movies speak for.

        People found these lists better than those of the weights themselves or of the rows.
        """
        similarities = np.zeros(self.like_shares.size)
        (place,), (has_weights,) = index_of(self.items, np.array([item]))
        if has_weights:
            rows, kept = np.nonzero(self.columns == place)
            lengths = np.maximum(self.lengths * self.lengths[place], np.finfo(np.float32).tiny)
            similarities[self.items] = self._row_sums.add_up(rows, self.weights[rows, kept]) / lengths
        return similarities

    def _trust(self, histories: Interactions) -> NDArray[np.float64]:
        likes = histories.like_counts
        trust: NDArray[np.float64] = likes / (likes + self.config.prior_likes)
        return trust


def most_rated(interactions: Interactions, config: EaseConfig) -> NDArray[np.int64]:
    """Return the items that are to have weights, the most rated first; of equally rated ones the smaller first."""
    counts = np.bincount(interactions.items, minlength=interactions.n_items)
    n_enough = np.count_nonzero(counts >= config.min_ratings)
    n_rated = np.count_nonzero(counts)
    n_items = min(max(n_enough, config.always_items), n_rated, config.max_items)
    return np.argsort(-counts, kind="stable")[:n_items]


def _strongest(weights: NDArray[np.float32], n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the ``n`` weights of each row that are the furthest from 0; gives their columns, ascending, and them."""
    n = min(n, len(weights))
    columns = np.empty((len(weights), n), np.int32)
    for start in range(0, len(weights), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        columns[rows] = np.sort(np.argpartition(-np.abs(weights[rows]), n - 1, axis=1)[:, :n], axis=1)
    return columns, np.take_along_axis(weights, columns, axis=1)


def weighted_history(
    histories: Interactions, rows: NDArray[np.int32], *, half_life: float, floor: float
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Return what the ratings of each user are worth now, of the items that have a row only: the others have -1.

    Gives their rows, what they are worth, and where each user's begin, and the last one's end.
    """
    values = preference_weight(histories) * recency_decay(histories.ages, half_life=half_life, floor=floor)
    places = rows[histories.items]
    is_chosen = places >= 0
    offsets = running_count(is_chosen)[histories.offsets]
    return places[is_chosen], values[is_chosen], offsets


def inputs_of(histories: Interactions, items: NDArray[np.int64], *, half_life: float, floor: float) -> Rows:
    """Return the same of the chosen items, as a matrix, users by those."""
    rows, values, offsets = weighted_history(
        histories, inverse_index(items, histories.n_items), half_life=half_life, floor=floor
    )
    return csr_array((values, rows, offsets), shape=(histories.n_users, items.size))
