"""A trained model: it serves recommendations, explanations and similar movies."""

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from server.recommender.algorithms.base import Algorithm
from server.recommender.calibration import UserCalibrators
from server.recommender.cold_start import ColdStartScorer
from server.recommender.data.catalogue import Catalogue, MovieFilter
from server.recommender.data.interactions import Interactions
from server.recommender.data.lists import count_higher, top_items
from server.recommender.data.pairs import Pairs
from server.recommender.data.positions import index_of
from server.recommender.data.ratings import LIKE_THRESHOLD, History
from server.recommender.evaluation.card import ModelCard

CACHED_LISTS = 5_000
"""Most users who return have rated nothing since their last list. A history of 100 ratings takes two kilobytes."""

CACHED_MASKS = 100
"""A mask takes a byte a movie."""

ALL_MOVIES = MovieFilter()
NO_MOVIES = Catalogue.of_ids(np.empty(0, np.int64))

TIE_STEP = 1e-9
"""The difference between equal probabilities in a list, so that it falls strictly."""


@dataclass(frozen=True, eq=False)
class Recommendations:
    """A list of movies, best first, with strictly falling probabilities."""

    movie_ids: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    """P(the user rates the movie 4 stars or more | the user rates it), between 0 and 1, both excluded."""


@dataclass(frozen=True, eq=False)
class ScoreBreakdown:
    """The terms of scores, movies by rated movies. A row and its rest add up to the score.

    A movie outside the model's catalogue has a score and a row of zeros.
    """

    movie_ids: NDArray[np.int64]
    rated_movie_ids: NDArray[np.int64]
    contributions: NDArray[np.float64]
    """The term of each rating in the score of each movie; negative if it speaks against the movie."""
    rest: NDArray[np.float64]
    """The part of the score that is not attributable to single ratings: popularity, and the second stage's change.

    The contributions cover the first stage of the ranking alone.
    """
    scores: NDArray[np.float64]


class _Candidates(NamedTuple):
    """Movies that may be listed, in columns of one length."""

    movie_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    is_listable: NDArray[np.bool_]
    is_seen: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The movies similar to one movie, the most similar first."""

    movie_ids: NDArray[np.int64]
    similarities: NDArray[np.float64]
    """Positive, of no fixed scale, not rising."""


@dataclass(frozen=True, eq=False)
class HoldoutModel:
    """The algorithm with the settings of the model, fitted without the held-out ratings.

    The metrics of the card are those of this fit. It is stored with the model, so that a later one can be compared with
    it on ratings that neither has seen.
    """

    card: ModelCard
    movie_ids: NDArray[np.int64]
    """The catalogue of its fit, ascending."""
    algorithm: Algorithm[Any]

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Return scores for histories over any catalogue; movies outside its own come last."""
        if np.array_equal(histories.movie_ids, self.movie_ids):
            return self.algorithm.score(histories)
        own = self.algorithm.score(histories.reindexed_to(self.movie_ids))
        _, here, there = np.intersect1d(histories.movie_ids, self.movie_ids, return_indices=True)
        lowest = own.min(axis=1, keepdims=True) - 1
        scores: NDArray[np.float64] = np.tile(lowest, (1, histories.n_items))
        scores[:, here] = own[:, there]
        return scores


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Recommends by the present history of any user.

    Immutable except for a bounded cache with a lock, so threads may share it.
    """

    card: ModelCard
    calibrators: UserCalibrators
    catalogue: Catalogue
    """All movies at the time of the training."""
    algorithm: Algorithm[Any]
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def movie_ids(self) -> NDArray[np.int64]:
        """The ids of the catalogue, ascending."""
        return self.catalogue.movie_ids

    def recommend(
        self,
        history: History,
        *,
        n: int,
        exclude_seen: bool,
        newcomers: Catalogue = NO_MOVIES,
        movie_filter: MovieFilter = ALL_MOVIES,
    ) -> Recommendations:
        """Return the ``n`` movies of a filter with the highest probability, or all if there are fewer.

        Equal scores are ordered by id. Movies without positive ratings follow all others, and ``newcomers``, which are
        outside the catalogue, follow those; both in the order of a regression of the user's scores on genres and
        years. Movies that the user has rated below 4 stars end the list. ``exclude_seen`` leaves out the movies of the
        history. Neither it nor a filter changes the probability of a movie, except for the difference between ties.
        """
        key = history.content, n, exclude_seen, movie_filter
        if len(newcomers):
            return self._recommend(
                history, n=n, exclude_seen=exclude_seen, newcomers=newcomers, movie_filter=movie_filter
            )
        with self._lock:
            cached = self._cached_lists.get(key)
        if cached is not None:
            return cached
        made = self._recommend(history, n=n, exclude_seen=exclude_seen, newcomers=newcomers, movie_filter=movie_filter)
        with self._lock:
            self._cached_lists[key] = made
        return made

    def _recommend(
        self, history: History, *, n: int, exclude_seen: bool, newcomers: Catalogue, movie_filter: MovieFilter
    ) -> Recommendations:
        interactions = Interactions.from_history(history, self.movie_ids)
        excluded = interactions.items if exclude_seen else interactions.items[~interactions.liked]
        passes = self._mask(movie_filter).copy()
        passes[excluded] = False
        found = self._best_candidates(interactions, passes, n)
        if found is None:
            found = self._all_candidates(interactions, history, newcomers, movie_filter, exclude_seen=exclude_seen)
        listed = top_items(np.where(found.is_listable, found.scores, -np.inf), n, ids=found.movie_ids)
        listed = listed[found.is_listable[listed]]
        ranks = count_higher(found.scores[listed], np.where(found.is_seen, -np.inf, found.scores))
        pairs = Pairs.of(interactions, 0, found.scores[listed], ranks)
        return Recommendations(found.movie_ids[listed], _fall_strictly(self.calibrators.probabilities(pairs)))

    def _best_candidates(self, interactions: Interactions, passes: NDArray[np.bool_], n: int) -> _Candidates | None:
        """Return movies that contain the best of those that pass, or None if fewer than ``n`` have positive ratings."""
        items, scores = self.algorithm.shortlist(interactions, passes, n)
        is_listable = passes[items]
        if np.count_nonzero(is_listable) < n:
            return None
        is_rated = np.zeros(self.movie_ids.size, np.bool_)
        is_rated[interactions.items] = True
        return _Candidates(self.movie_ids[items], scores, is_listable, is_rated[items])

    def _all_candidates(
        self,
        interactions: Interactions,
        history: History,
        newcomers: Catalogue,
        movie_filter: MovieFilter,
        *,
        exclude_seen: bool,
    ) -> _Candidates:
        """Return all movies; those that the user dislikes have the lowest scores."""
        scores = self._with_cold_start(self.algorithm.score(interactions)[0], newcomers)
        movie_ids = np.append(self.movie_ids, newcomers.movie_ids)
        is_disliked = np.isin(movie_ids, history.movie_ids[history.ratings < LIKE_THRESHOLD])
        scores[is_disliked] += scores.min() - 1 - scores[is_disliked].max(initial=-np.inf)
        passes = np.append(self._mask(movie_filter), newcomers.mask(movie_filter))
        is_seen = np.isin(movie_ids, history.movie_ids)
        return _Candidates(movie_ids, scores, passes & ~is_seen if exclude_seen else passes, is_seen)

    @cached_property
    def _cached_lists(self) -> LRUCache[tuple[bytes, int, bool, MovieFilter], Recommendations]:
        """The latest lists, by everything that they depend on."""
        return LRUCache(CACHED_LISTS)

    def _mask(self, movie_filter: MovieFilter) -> NDArray[np.bool_]:
        with self._lock:
            mask = self._cached_masks.get(movie_filter)
            if mask is None:
                mask = self._cached_masks[movie_filter] = self.catalogue.mask(movie_filter)
        return mask

    @cached_property
    def _cached_masks(self) -> LRUCache[MovieFilter, NDArray[np.bool_]]:
        """The movies of the latest filters."""
        return LRUCache(CACHED_MASKS)

    @cached_property
    def _unrated_items(self) -> NDArray[np.int64]:
        """The items without positive ratings and without personal scores."""
        liked = np.flatnonzero(self.algorithm.popularity)
        return np.setdiff1d(np.arange(self.movie_ids.size), np.union1d(liked, self.algorithm.modelled_items))

    def _with_cold_start(self, scores: NDArray[np.float64], newcomers: Catalogue) -> NDArray[np.float64]:
        """Return the scores with those of unrated movies below all others, and those of newcomers lower still."""
        modelled = self.algorithm.modelled_items
        scorer = ColdStartScorer.learn(self.catalogue.of_items(modelled), scores[modelled])
        scores[self._unrated_items] = np.inf
        scores[self._unrated_items] = scorer.below(scores.min(), self.catalogue.of_items(self._unrated_items))
        return np.append(scores, scorer.below(scores.min(), newcomers))

    def explain(self, history: History, movie_ids: NDArray[np.int64]) -> ScoreBreakdown:
        """Return the terms of the scores of movies, in the order given, by the rated movies, in the order of their ids.

        Movies of the history that no score depends on are left out.
        """
        interactions = Interactions.from_history(history, self.movie_ids)
        places, is_known = index_of(self.movie_ids, movie_ids)
        items, by_id = places[is_known].astype(np.int64), np.argsort(interactions.items)
        ratings = by_id[index_of(self.algorithm.scoring_items, interactions.items[by_id])[1]]
        scores = np.zeros(movie_ids.size)
        scores[is_known] = self.algorithm.score(interactions)[0, items]
        contributions = np.zeros((movie_ids.size, ratings.size))
        contributions[is_known] = self.algorithm.contributions(interactions, ratings, items).T
        return ScoreBreakdown(
            movie_ids=movie_ids,
            rated_movie_ids=self.movie_ids[interactions.items[ratings]],
            contributions=contributions,
            rest=scores - contributions.sum(axis=1),
            scores=scores,
        )

    def similar(self, movie_id: int, n: int) -> Neighbours:
        """Return the ``n`` most similar movies, or fewer; none for a movie without personal scores.

        The similarity of ratings counts in full for movies of the same genres, and half for movies of other genres.
        """
        modelled = self.algorithm.modelled_items
        is_it = self.movie_ids[modelled] == movie_id
        if not is_it.any():
            return Neighbours(np.empty(0, np.int64), np.empty(0))
        item = int(modelled[is_it][0])
        similarities = self.algorithm.similarities(item)
        candidates = modelled[~is_it & (similarities[modelled] > 0)]
        weighted = similarities[candidates] * (1 + self.catalogue.genre_overlaps(item, candidates)) / 2
        best = top_items(weighted, n)
        return Neighbours(self.movie_ids[candidates[best]], weighted[best])


def _fall_strictly(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower every probability that is not below the one before it. The head of a list does not depend on its tail."""
    steps = TIE_STEP * np.arange(probabilities.size)
    falling: NDArray[np.float64] = np.minimum.accumulate(probabilities + steps) - steps
    return falling
