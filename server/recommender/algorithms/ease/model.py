"""EASE: a score is a sum over the user's ratings, with weights between movies that have a closed form."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.base import Algorithm
from server.recommender.algorithms.ease.candidates import (
    N_FEATURES,
    N_ITEM_FEATURES,
    Candidates,
    item_features,
    rating_factors,
)
from server.recommender.algorithms.ease.gram import Matrix
from server.recommender.algorithms.ease.scoring import (
    EaseConfig,
    blended_popularity,
    most_rated,
    personal_weights,
    preference_weight,
    recency_decay,
    weighted_history,
)
from server.recommender.algorithms.ease.sparse_sums import sum_rows
from server.recommender.algorithms.ease.statistics import (
    CooccurrenceStatistics,
    NextStatistics,
    cooccurrence_weights,
    in_order,
    nearest,
    next_weights,
)
from server.recommender.data.checks import check_array, check_ascending, check_dtype
from server.recommender.data.interactions import Interactions, index_of, inverse_index
from server.recommender.data.source import Source

NEIGHBOURS = 100
"""Number of similar items that are stored for each item."""

ROWS_AT_A_TIME = 1_000
"""Pass over the weights in parts of this many rows."""


RERANKED_RATINGS = 20
"""Lists of users with fewer ratings have one stage: their ratings say too little."""


@dataclass(frozen=True, eq=False)
class Ease(Algorithm[EaseConfig]):
    """Scores a movie by the sum of the weights from everything that the user rated, the latest ratings most.

    The weights are those of EASE (Steck, WWW 2019) plus those of a ridge regression of a user's next ratings on the
    earlier ones. Only the strongest are kept: the lists are as good, and 10,000 movies take a tenth of the memory.
    A new rating counts at once, and new users need no special case.
    """

    name: ClassVar = "ease"
    config_class: ClassVar = EaseConfig

    items: NDArray[np.int64]
    """The items with weights, ascending."""
    columns: NDArray[np.int32]
    """Items by kept weights: the column of each, as a position in ``items``, ascending."""
    weights: NDArray[np.float32]
    """The kept weights: of the row's item for the score of the column's item."""
    neighbours: NDArray[np.int32]
    """Items by similar items, the most similar first, as positions in ``items``."""
    similarity: NDArray[np.float16]
    """The similarity of each of those."""
    features: NDArray[np.float32]
    """Items by features for the second stage of the ranking."""

    @classmethod
    def settings_within(cls, memory_mb: int) -> EaseConfig:
        """Return settings that give the whole budget to the weights."""
        return EaseConfig(weights_mb=memory_mb)

    @classmethod
    def fit(cls, source: Source, config: EaseConfig, *, seed: int) -> Self:  # noqa: ARG003 (exact solution)
        """Solve for the weights. At most three matrices, items by items, are in memory at a time."""
        items = np.sort(most_rated(source, config))
        statistics = CooccurrenceStatistics.gather(source, items, config)
        neighbours, similarity = nearest(statistics, NEIGHBOURS)
        order = statistics.order
        weights = cooccurrence_weights(statistics.together_in_place(), config.penalty)
        del statistics
        if config.next_weight:
            _add_next_weights(weights, source, items, config)
        columns, kept = _strongest(in_order(weights, order), config.kept_of(items.size))
        popularity = blended_popularity(source, config.recent_popularity)
        features = item_features(source, items) if config.reranker else np.zeros((items.size, N_ITEM_FEATURES))
        return cls(
            config, popularity, items, columns, kept, neighbours, similarity, features.astype(np.float32, copy=False)
        )

    @classmethod
    def of_weights(cls, source: Source, config: EaseConfig, items: NDArray[np.int64], weights: Matrix) -> Self:
        """Return a model with weights that are known already, without similar items."""
        columns, kept = _strongest(weights, config.kept_of(items.size))
        popularity = blended_popularity(source, config.recent_popularity)
        neighbours, similarity = np.empty((items.size, 0), np.int32), np.empty((items.size, 0), np.float16)
        features = item_features(source, items)
        return cls(config, popularity, items, columns, kept, neighbours, similarity, features)

    def check(self, n_items: int) -> None:
        """Raise `ValueError` if the arrays do not fit together, or not to a catalogue of this size."""
        super().check(n_items)
        n_rows = self.items.size
        check_dtype(self.items, np.int64)
        check_array(self.items, (n_rows,), lowest=0, highest=n_items - 1)
        check_ascending(self.items)
        check_dtype(self.columns, np.int32)
        check_array(self.columns, (n_rows, self.columns.shape[-1]), lowest=0, highest=n_rows - 1)
        check_ascending(self.columns)
        check_dtype(self.weights, np.float32)
        check_array(self.weights, self.columns.shape)
        check_dtype(self.neighbours, np.int32)
        check_array(self.neighbours, (n_rows, self.neighbours.shape[-1]), lowest=0, highest=n_rows - 1)
        check_dtype(self.similarity, np.float16)
        check_array(self.similarity, self.neighbours.shape)
        check_dtype(self.features, np.float32)
        check_array(self.features, (n_rows, N_ITEM_FEATURES))
        if self.config.reranker and len(self.config.reranker.knots) != N_FEATURES:
            raise ValueError(f"the second stage has {len(self.config.reranker.knots)} features, not {N_FEATURES}")

    @property
    def modelled_items(self) -> NDArray[np.int64]:
        """The items with weights."""
        return self.items

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Blend the sums of weights with popularity, by the number of positive ratings, then reorder the first items.

        The second stage deals the scores of the first items out in another order, so it changes no other rank.
        Items without weights follow those with weights, by popularity.
        """
        scores = np.empty((histories.n_users, histories.n_items))
        for row, (modelled, popularity_weight, lowest) in zip(scores, self._ranked(histories), strict=True):
            row[:] = popularity_weight * self.popularity + lowest
            row[self.items] = modelled
        return scores

    def score_some(self, history: Interactions, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the same scores without a pass over the whole catalogue."""
        ((modelled, popularity_weight, lowest),) = self._ranked(history)
        return np.concatenate((modelled, popularity_weight * self.popularity[others] + lowest))

    @cached_property
    def _modelled_popularity(self) -> NDArray[np.float64]:
        return self.popularity[self.items]

    def _blend(self, histories: Interactions) -> Iterator[tuple[NDArray[np.float64], float, float]]:
        """Yield for each user the scores of the modelled items, and weight and offset of popularity for the rest."""
        rows, values, offsets = weighted_history(
            histories, self._rows, half_life=self.config.half_life, floor=self.config.floor
        )
        positive, negative = self._personal_weights(histories)
        users = zip(positive.tolist(), negative.tolist(), pairwise(offsets.tolist()), strict=True)
        for weight, negative_weight, (start, end) in users:
            of_user = values[start:end]
            weighted = of_user * np.where(of_user < 0, np.float32(negative_weight), np.float32(weight))
            personal = sum_rows(self.columns, self.weights, rows[start:end], weighted)
            modelled = (1 - weight) * self._modelled_popularity
            modelled += personal
            yield modelled, 1 - weight, min(float(personal.min()), 0.0)

    def _ranked(self, histories: Interactions) -> Iterator[tuple[NDArray[np.float64], float, float]]:
        """Yield the same as ``_blend``, with the candidates of users with enough ratings in the order of stage two."""
        reranker = self.config.reranker
        if reranker is None:
            yield from self._blend(histories)
            return
        for user, (modelled, popularity_weight, lowest) in enumerate(self._blend(histories)):
            if histories.rating_counts[user] >= RERANKED_RATINGS:
                candidates, features = self.candidates(histories.select_users(np.array([user])), modelled)
                order = np.argsort(-reranker.scores(features), kind="stable")
                modelled[candidates.items[order]] = candidates.scores
            yield modelled, popularity_weight, lowest

    def candidates(self, history: Interactions, scores: NDArray[np.float64]) -> tuple[Candidates, NDArray[np.float32]]:
        """Return the first unrated items of one user by the scores of the modelled ones, and their features."""
        rows = self._rows[history.items]
        is_modelled = rows >= 0
        candidates = Candidates.of(scores, rows[is_modelled])
        factors = rating_factors(history)[is_modelled]
        return candidates, candidates.features(self.columns, self.weights, self.features, rows[is_modelled], factors)

    @cached_property
    def _rows(self) -> NDArray[np.int32]:
        """The row of each item of the catalogue, -1 for those without weights."""
        return inverse_index(self.items, self.popularity.size)

    def contributions(
        self,
        history: Interactions,
        ratings: NDArray[np.int64],
        items: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the terms of the sums: exactly what each rating adds."""
        decay = recency_decay(history.ages, half_life=self.config.half_life, floor=self.config.floor)
        values = (preference_weight(history) * decay)[ratings]
        (positive,), (negative,) = self._personal_weights(history)
        factors = values * np.where(values < 0, negative, positive)
        contributions = np.zeros((ratings.size, items.size))
        rows, columns = self._rows[history.items[ratings]], self._rows[items]
        is_modelled = np.flatnonzero(columns >= 0)
        wanted = np.full(self.items.size, -1)
        wanted[columns[is_modelled]] = is_modelled
        # The weights of a long history take many times the space of its contributions, so a part at a time.
        with_row = np.flatnonzero(rows >= 0)
        for part in np.split(with_row, range(ROWS_AT_A_TIME, with_row.size, ROWS_AT_A_TIME)):
            places = wanted[self.columns[rows[part]]]
            chosen, kept = np.nonzero(places >= 0)
            weights = self.weights[rows[part[chosen]], kept]
            contributions[part[chosen], places[chosen, kept]] = factors[part[chosen]] * weights
        return contributions

    def similarities(self, item: int) -> NDArray[np.float64]:
        """Return the shrunken correlations of the preferences for two movies, of the most similar movies only."""
        similarities = np.zeros(self.popularity.size)
        (place,), (has_weights,) = index_of(self.items, np.array([item]))
        if has_weights:
            similarities[self.items[self.neighbours[place]]] = self.similarity[place]
        return similarities

    def _personal_weights(self, histories: Interactions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return personal_weights(histories, prior_likes=self.config.prior_likes, prior_power=self.config.prior_power)


def _add_next_weights(weights: Matrix, source: Source, items: NDArray[np.int64], config: EaseConfig) -> None:
    """Add the weights for the next ratings to those of co-occurrence."""
    statistics = NextStatistics.gather(source, items, config)
    following = next_weights(statistics.past, statistics.past_future, config.penalty)
    following *= np.float32(config.next_weight)
    weights += following


def _strongest(weights: Matrix, n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return columns, ascending, and values of the ``n`` weights of each row with the largest magnitude."""
    n = min(n, len(weights))
    columns = np.empty((len(weights), n), np.int32)
    for start in range(0, len(weights), ROWS_AT_A_TIME):
        rows = slice(start, start + ROWS_AT_A_TIME)
        columns[rows] = np.sort(np.argpartition(-np.abs(weights[rows]), n - 1, axis=1)[:, :n], axis=1)
    return columns, np.take_along_axis(weights, columns, axis=1)
