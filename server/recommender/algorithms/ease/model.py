"""EASE: a score is a sum over the user's ratings, with weights between movies that have a closed form."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.base import Algorithm
from server.recommender.algorithms.ease.candidates import (
    N_FEATURES,
    N_ITEM_FEATURES,
    Candidates,
    item_features,
)
from server.recommender.algorithms.ease.gram import BLOCK_ROWS, Matrix, slices
from server.recommender.algorithms.ease.profiles import LATEST, N_SUMS, Profile, profiles
from server.recommender.algorithms.ease.scoring import (
    EaseConfig,
    blended_popularity,
    most_rated,
    personal_weights,
    popularity_damping,
    preference_weight,
)
from server.recommender.algorithms.ease.sparse_sums import sum_rows
from server.recommender.algorithms.ease.statistics import (
    CooccurrenceStatistics,
    NextStatistics,
    cooccurrence_weights,
    nearest,
    next_weights,
)
from server.recommender.algorithms.ease.tail import TailFactors, Tastes, cosines
from server.recommender.algorithms.ease.tail_search import TailSearch
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.checks import check_array, check_ascending, check_dtype
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.lists import at_least_nth_best, nth_best
from server.recommender.data.positions import index_of, inverse_index
from server.recommender.data.threads import in_threads

NEIGHBOURS = 100
"""Number of similar items that are stored for each item."""

NO_PLACES = np.empty(0, np.int64)

ROWS_AT_A_TIME = 1_000
"""Pass over the weights in parts of this many rows."""


@dataclass(frozen=True, eq=False)
class Ease(Algorithm[EaseConfig]):
    """Scores a movie by the sum of the weights from everything that the user rated, the latest ratings most.

    The weights are those of EASE (Steck, WWW 2019) plus those of a ridge regression of a user's next ratings on the
    earlier ones. Only the strongest are kept: the lists are as good, and 10,000 movies take a tenth of the memory.
    A new rating counts at once, and new users need no special case. Movies with few ratings have factors instead.
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
    """Items by features for the second stage of the ranking, the genres last."""
    directions: NDArray[np.float32]
    """Items with weights by factors: what a preference for each adds to the user's taste."""
    tail_items: NDArray[np.int64]
    """The items with factors instead of weights, ascending."""
    tail_codes: NDArray[np.int8]
    """Items by factors, as multiples of the item's scale."""
    tail_scales: NDArray[np.float32]

    @classmethod
    def settings_within(cls, memory_mb: int) -> EaseConfig:
        """Return settings that give the whole budget to the weights."""
        return EaseConfig(weights_mb=memory_mb)

    @classmethod
    def fit(
        cls,
        source: Source,
        config: EaseConfig,
        *,
        seed: int,  # noqa: ARG003 (exact solution)
        catalogue: Catalogue | None = None,
    ) -> Self:
        """Solve for the weights, then for the factors of the other rated movies.

        At most two matrices, items by items, are in memory at a time.
        """
        items = np.sort(most_rated(source, config))
        following = _next_weights(source, items, config) if config.next_weight else None
        statistics = CooccurrenceStatistics.gather(source, items, config)
        neighbours, similarity = nearest(statistics, NEIGHBOURS)
        tastes, order = Tastes.of(statistics), statistics.order
        weights = cooccurrence_weights(statistics.together_in_place(), config.penalty)
        del statistics
        if following is not None:
            weights += following
            del following
        damping = popularity_damping(source, items, config.popularity_damping)
        n_kept = config.kept_of(items.size, source.summary.n_rated)
        columns, kept = _strongest(partial(_rows_in_order, weights, order, damping), items.size, n_kept)
        del weights
        movies = Catalogue.of_ids(source.movie_ids) if catalogue is None else catalogue
        tail = TailFactors.fit(source, items, tastes, movies, config)
        features = item_features(source, items, movies) if config.reranker else np.zeros((items.size, N_ITEM_FEATURES))
        return cls(
            config,
            blended_popularity(source, config.recent_popularity),
            items,
            columns,
            kept,
            neighbours,
            similarity,
            features.astype(np.float32, copy=False),
            tastes.directions,
            tail.items,
            tail.codes,
            tail.scales,
        )

    @classmethod
    def of_weights(
        cls,
        source: Source,
        config: EaseConfig,
        items: NDArray[np.int64],
        weights: Matrix,
        directions: NDArray[np.float32],
        catalogue: Catalogue,
    ) -> Self:
        """Return a model with weights and tastes that are known already, without similar items and other movies."""
        columns, kept = _strongest(weights.__getitem__, items.size, config.kept_of(items.size))
        return cls(
            config,
            blended_popularity(source, config.recent_popularity),
            items,
            columns,
            kept,
            neighbours=np.empty((items.size, 0), np.int32),
            similarity=np.empty((items.size, 0), np.float16),
            features=item_features(source, items, catalogue),
            directions=directions,
            tail_items=np.empty(0, np.int64),
            tail_codes=np.empty((0, directions.shape[1]), np.int8),
            tail_scales=np.empty(0, np.float32),
        )

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
        check_array(self.features, (n_rows, max(N_ITEM_FEATURES, self.features.shape[-1])))
        if self.config.reranker and len(self.config.reranker.knots) != N_FEATURES:
            raise ValueError(f"the second stage has {len(self.config.reranker.knots)} features, not {N_FEATURES}")
        check_dtype(self.directions, np.float32)
        check_array(self.directions, (n_rows, self.directions.shape[-1]))
        self._tail.check(n_items, n_factors=self.directions.shape[-1])

    @cached_property
    def modelled_items(self) -> NDArray[np.int64]:
        """The items with weights or factors."""
        return np.union1d(self.items, self.tail_items)

    @property
    def scoring_items(self) -> NDArray[np.int64]:
        """The items with weights."""
        return self.items

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Blend the personal scores with popularity, by the number of positive ratings, then reorder the first items.

        The second stage deals the scores of the first items with weights out in another order, so it changes no other
        rank. Items without weights and factors have the lowest personal score.
        """
        scores = np.empty((histories.n_users, histories.n_items))
        users = list(self._profiles(histories))
        tastes = np.array([user.tastes[0] for user in users], np.float32)
        # One product for all users takes an eighth of the time of one for each.
        tails = self._tail.scores(tastes.reshape(-1, self.directions.shape[1]))
        for row, user, tail in zip(scores, users, tails, strict=True):
            sums = self._sums(user)
            lowest = min(float(sums[:, 0].min()), float(tail.min(initial=0)), 0.0)
            row[self._unmodelled] = user.popularity_weight * self.popularity[self._unmodelled] + lowest
            row[self.tail_items] = user.popularity_weight * self._tail_popularity + tail
            row[self.items], _ = self._head_scores(user, sums)
        return scores

    def shortlist(
        self, history: Interactions, passes: NDArray[np.bool_], n: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the same scores without a pass over the whole catalogue."""
        (user,) = self._profiles(history)
        sums = self._sums(user)
        head, reranked = self._head_scores(user, sums)
        bound = nth_best(head[reranked[passes[self.items[reranked]]]], n)
        if bound == -np.inf:
            bound = nth_best(head[passes[self.items]], n)
        in_head = np.flatnonzero(head >= bound)
        in_tail, of_tail = self._tail_search.reaching(bound, user.tastes[0], user.popularity_weight)
        items = np.concatenate((self.items[in_head], self.tail_items[in_tail]))
        scores = np.concatenate((head[in_head], of_tail))
        if bound == -np.inf:
            best = at_least_nth_best(scores, passes[items], n)
            items, scores = items[best], scores[best]
        if not self._others.size or user.popularity_weight * self.popularity[self._others[0]] < bound:
            return items, scores
        others = self._first_others(passes, n)
        lowest = min(float(sums[:, 0].min()), float(self._tail.scores(user.tastes[:1]).min(initial=0)), 0.0)
        of_others = user.popularity_weight * self.popularity[others] + lowest
        return np.concatenate((items, others)), np.concatenate((scores, of_others))

    def _first_others(self, passes: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
        """Return the items without weights and factors down to the ``n``-th that passes, or all if fewer pass."""
        passing = np.flatnonzero(passes[self._others])
        return self._others[: passing[n - 1] + 1] if n <= passing.size else self._others

    @cached_property
    def _others(self) -> NDArray[np.int64]:
        """The items with positive ratings but neither weights nor factors, the most popular first."""
        others = np.setdiff1d(np.flatnonzero(self.popularity), self.modelled_items)
        return others[np.argsort(-self.popularity[others], kind="stable")]

    @cached_property
    def _unmodelled(self) -> NDArray[np.int64]:
        return np.setdiff1d(np.arange(self.popularity.size), self.modelled_items)

    @cached_property
    def _head_popularity(self) -> NDArray[np.float64]:
        return self.popularity[self.items]

    @cached_property
    def _tail_popularity(self) -> NDArray[np.float64]:
        return self.popularity[self.tail_items]

    @cached_property
    def _tail(self) -> TailFactors:
        return TailFactors(self.tail_items, self.tail_codes, self.tail_scales)

    @cached_property
    def _tail_search(self) -> TailSearch:
        return TailSearch(self._tail, self._tail_popularity)

    def _profiles(self, histories: Interactions) -> Iterator[Profile]:
        """Yield the profile of each user, with the sums of the second stage if there is one."""
        return profiles(histories, self._rows, self.directions, self.config, with_sums=self.config.reranker is not None)

    def _sums(self, user: Profile) -> NDArray[np.float32]:
        """Return the sums of the weights of the user's ratings, items with weights by columns of the factors."""
        return sum_rows(self.columns, self.weights, user.rows, user.factors[:, :N_SUMS])

    def _of_latest(self, user: Profile) -> NDArray[np.float32]:
        """Return the weights of the latest rating, of all items with weights."""
        weights = np.zeros(self.items.size, np.float32)
        if user.rows.size:
            weights[self.columns[user.rows[-1]]] = user.factors[-1, LATEST] * self.weights[user.rows[-1]]
        return weights

    def _head_scores(self, user: Profile, sums: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the scores of the items with weights, and the places of those in the order of the second stage."""
        scores = user.popularity_weight * self._head_popularity + sums[:, 0]
        if self.config.reranker is None or not user.is_reranked:
            return scores, NO_PLACES
        candidates, features = self._candidates(user, sums, scores)
        reranked = candidates.items[np.argsort(-self.config.reranker.scores(features), kind="stable")]
        scores[reranked] = candidates.scores
        return scores, reranked

    def _candidates(
        self, user: Profile, sums: NDArray[np.float32], scores: NDArray[np.float64]
    ) -> tuple[Candidates, NDArray[np.float32]]:
        candidates = Candidates.of(scores, user.rows)
        return candidates, candidates.features(user, sums, self._of_latest(user), self.directions, self.features)

    def candidates(self, histories: Interactions) -> Iterator[tuple[Candidates, NDArray[np.float32]]]:
        """Yield the first unrated items of each user and their features, for a second stage to learn from."""
        for user in profiles(histories, self._rows, self.directions, self.config, with_sums=True):
            sums = self._sums(user)
            yield self._candidates(user, sums, self._head_scores(user, sums)[0])

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
        values = (preference_weight(history) * self.config.decay.weights(history.ages))[ratings]
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
        of_tail, is_of_tail = index_of(self.tail_items, items)
        added_to_taste = factors[with_row, None] * self.directions[rows[with_row]]
        contributions[np.ix_(with_row, is_of_tail)] = added_to_taste @ self._tail.factors(of_tail[is_of_tail]).T
        return contributions

    def similarities(self, item: int) -> NDArray[np.float64]:
        """Return the shrunken correlations of the preferences for two movies, of the most similar movies only.

        For a movie with factors, return the cosines of the factors.
        """
        similarities = np.zeros(self.popularity.size)
        (place,), (has_weights,) = index_of(self.items, np.array([item]))
        (tail_place,), (has_factors,) = index_of(self.tail_items, np.array([item]))
        if has_weights:
            similarities[self.items[self.neighbours[place]]] = self.similarity[place]
        elif has_factors:
            factors = self._tail.factors(tail_place)
            similarities[self.items] = cosines(self.directions, factors)
            similarities[self.tail_items] = self._tail.cosines(factors)
        return similarities

    def _personal_weights(self, histories: Interactions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return personal_weights(histories, prior_likes=self.config.prior_likes, prior_power=self.config.prior_power)


def _next_weights(source: Source, items: NDArray[np.int64], config: EaseConfig) -> Matrix:
    """Return the weights for the next ratings, to be added to those of co-occurrence."""
    statistics = NextStatistics.gather(source, items, config)
    following = next_weights(statistics.past, statistics.past_future, config.penalty)
    following *= np.float32(config.next_weight)
    return following


def _rows_in_order(weights: Matrix, order: NDArray[np.int32], factors: NDArray[np.float32], rows: slice) -> Matrix:
    """Return some rows of the weights in the order of the items, each column times a factor."""
    chosen: Matrix = weights[np.ix_(order[rows], order)]
    chosen *= factors
    return chosen


def _strongest(weights: Callable[[slice], Matrix], size: int, n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return columns, ascending, and values of the ``n`` weights of each row with the largest magnitude.

    ``weights`` returns some of the rows of a square matrix of this size.
    """
    n = min(n, size)
    columns, values = np.empty((size, n), np.int32), np.empty((size, n), np.float32)

    def select(rows: slice) -> None:
        block = weights(rows)
        columns[rows] = np.sort(np.argpartition(-np.abs(block), n - 1, axis=1)[:, :n])
        values[rows] = np.take_along_axis(block, columns[rows], axis=1)

    in_threads([partial(select, rows) for rows in slices(size, BLOCK_ROWS)])
    return columns, values
