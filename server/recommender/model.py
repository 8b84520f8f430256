"""A trained model: what serves recommendations, and the card that says where it comes from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.algorithms.base import Algorithm, Record
from server.recommender.calibration import Calibrator, Pairs
from server.recommender.cold_start import ColdStartScorer
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import History, Interactions, index_of
from server.recommender.evaluation.calibration_metrics import CalibrationMetrics, ReliabilityBin
from server.recommender.evaluation.ranking import count_higher, top_items
from server.recommender.evaluation.ranking_metrics import ActivityBucket, RankingMetrics
from server.recommender.recent import RecentLists

MOST_RECENT_LISTS = 5_000
"""A history of a hundred ratings takes two kilobytes."""

TIE_STEP = 1e-9
"""Of equal probabilities the later one in the list is given less by so much: a list falls all the way."""


class DataSummary(Record):
    """What a model was trained on."""

    ratings: int
    users: int = Field(description="Users with a rating.")
    movies: int = Field(description="Movies in the catalogue, rated or not.")
    newest_rating: int = Field(description="Time of the newest rating, in seconds since 1970, UTC.")
    modelled_movies: int = Field(description="Movies that can have a score of the user's own.")
    modelled_ratings: int = Field(description="Ratings of those; what the other movies have counts as popularity only.")


class Metrics(RankingMetrics, CalibrationMetrics):
    """All that is measured: the lists, and the probabilities in them."""

    modelled_likes: float = Field(
        description="Share of the relevant movies that can have a score of the user's own; the others are hardly found."
    )


class Evaluation(Record):
    """How good an algorithm is on held-out ratings."""

    algorithm: str
    parameters: dict[str, Any]
    metrics: Metrics
    calibration: tuple[ReliabilityBin, ...] = Field(description="The reliability table behind the metrics.")
    activity: tuple[ActivityBucket, ...] = Field(description="The quality of lists by how much users have rated.")


class ModelCard(Evaluation):
    """Where a model comes from and how good it is; the same ratings and seed give the same card."""

    seed: int
    data: DataSummary


@dataclass(frozen=True, eq=False)
class Recommendations:
    """A list of movies, best first, with probabilities that fall from each to the next."""

    movie_ids: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    """P(the user rates it with 4 stars or more | he rates it), greater than 0 and less than 1."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where scores come from: movies by rated movies. A row and its rest add up to the movie's score.

    A movie that the model does not know has no score: a row of zeros.
    """

    movie_ids: NDArray[np.int64]
    rated_movie_ids: NDArray[np.int64]
    contributions: NDArray[np.float64]
    """What each rating of the user adds to the score of each movie; negative if it speaks against it."""
    rest: NDArray[np.float64]
    """What his ratings have no part in: popularity."""
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SimilarMovies:
    """Movies that the people who like a movie like, too, the most similar first."""

    movie_ids: NDArray[np.int64]
    similarities: NDArray[np.float64]
    """Greater than 0, of no fixed scale, and never rising."""


@dataclass(frozen=True, eq=False)
class Trial:
    """The twin that a model's card is about: the same settings, fitted without the held-out ratings.

    It stays with the model, so that a later one can be compared with it on ratings neither has seen.
    """

    card: ModelCard
    movie_ids: NDArray[np.int64]
    """The catalogue it was fitted on, ascending."""
    algorithm: Algorithm[Any]

    def score(self, histories: Interactions) -> NDArray[np.float64]:
        """Score the movies of the histories, which may be of another catalogue; those it lacks come last."""
        if np.array_equal(histories.movie_ids, self.movie_ids):
            return self.algorithm.score(histories)
        own = self.algorithm.score(histories.over(self.movie_ids))
        _, here, there = np.intersect1d(histories.movie_ids, self.movie_ids, return_indices=True)
        lowest = own.min(axis=1, keepdims=True) - 1
        scores: NDArray[np.float64] = np.tile(lowest, (1, histories.n_items))
        scores[:, here] = own[:, there]
        return scores


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Recommends to anyone by his present history. Never changes, so threads may share it."""

    card: ModelCard
    calibrator: Calibrator
    catalogue: Catalogue
    """All movies there were when it was trained."""
    algorithm: Algorithm[Any]

    @property
    def movie_ids(self) -> NDArray[np.int64]:
        """The ids of its catalogue, ascending."""
        return self.catalogue.movie_ids

    def recommend(
        self, history: History, *, n: int, exclude_seen: bool, newcomers: Catalogue | None = None
    ) -> Recommendations:
        """Return the ``n`` movies the user most likely likes, fewer only if there are fewer.

        Of equal scores the smaller id comes first. Movies that nothing speaks for follow all others, and
        ``newcomers``, which the model does not know, end the list; both by what their genres and years are worth
        to him. ``exclude_seen`` leaves out what the history holds; it does not change the probability of the
        others, but for what tells ties apart.
        """
        if newcomers is not None:
            return self._recommend(history, n=n, exclude_seen=exclude_seen, newcomers=newcomers)
        return self._recent.get(
            (history.content, n, exclude_seen), lambda: self._recommend(history, n=n, exclude_seen=exclude_seen)
        )

    def _recommend(
        self, history: History, *, n: int, exclude_seen: bool, newcomers: Catalogue | None = None
    ) -> Recommendations:
        interactions = Interactions.from_history(history, self.movie_ids)
        n_enough = n + history.movie_ids.size
        if n_enough > len(self.catalogue) - self._unrated_items.size:
            movie_ids, scores = self._score_all(interactions, newcomers or Catalogue.of_ids(np.empty(0, np.int64)))
        else:
            movie_ids, scores = self._score_best(interactions, n_enough)
        best = top_items(scores, n_enough if exclude_seen else n, ids=movie_ids)
        is_unseen = ~index_of(np.sort(history.movie_ids), movie_ids[best])[1]
        listed = best[is_unseen][:n] if exclude_seen else best
        ranks = count_higher(scores[listed], scores[best[is_unseen]])
        pairs = Pairs.of(interactions, 0, scores[listed], ranks)
        return Recommendations(movie_ids[listed], _fall_strictly(self.calibrator.probabilities(pairs)))

    def _score_best(self, history: Interactions, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Score what can be among the ``n`` best: movies with a score of the user's own, and the most popular others.

        Gives ids and scores. There must be so many that something speaks for.
        """
        others = self._others[:n]
        n_scored = self.algorithm.modelled_items.size + others.size
        return self._rankable_ids[:n_scored], self.algorithm.score_some(history, others)

    def _score_all(self, history: Interactions, newcomers: Catalogue) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Score all movies and the newcomers, by a prior where nothing speaks for them. Gives ids and scores."""
        scores = self._with_prior(self.algorithm.score(history)[0], newcomers)
        return np.append(self.movie_ids, newcomers.movie_ids), scores

    @cached_property
    def _recent(self) -> RecentLists[Recommendations]:
        """The lists it has made, by all that they depend on."""
        return RecentLists(MOST_RECENT_LISTS)

    @cached_property
    def _others(self) -> NDArray[np.int64]:
        """The items that something speaks for, but without a score of the user's own; the most popular first."""
        others = np.setdiff1d(np.flatnonzero(self.algorithm.like_shares), self.algorithm.modelled_items)
        return others[np.argsort(-self.algorithm.like_shares[others], kind="stable")]

    @cached_property
    def _rankable_ids(self) -> NDArray[np.int64]:
        """The ids of the movies with a score of the user's own, then of the others, in their order."""
        return self.movie_ids[np.append(self.algorithm.modelled_items, self._others)]

    @cached_property
    def _unrated_items(self) -> NDArray[np.int64]:
        """The items that nothing speaks for: without a like, and without a score of the user's own."""
        liked = np.flatnonzero(self.algorithm.like_shares)
        return np.setdiff1d(np.arange(self.movie_ids.size), np.union1d(liked, self.algorithm.modelled_items))

    def _with_prior(self, scores: NDArray[np.float64], newcomers: Catalogue) -> NDArray[np.float64]:
        """Put the unproven movies in the order of a prior, below all others; add the newcomers' scores, lower still."""
        modelled = self.algorithm.modelled_items
        prior = ColdStartScorer.learn(self.catalogue.of_items(modelled), scores[modelled])
        scores[self._unrated_items] = np.inf
        scores[self._unrated_items] = prior.below(scores.min(), self.catalogue.of_items(self._unrated_items))
        return np.append(scores, prior.below(scores.min(), newcomers))

    def explain(self, history: History, movie_ids: NDArray[np.int64]) -> Explanation:
        """Share out the scores of movies, in the order given, among the movies of a history, in the order of their ids.

        Movies of the history that the model does not know are left out.
        """
        interactions = Interactions.from_history(history, self.movie_ids)
        places, is_known = index_of(self.movie_ids, movie_ids)
        items, by_id = places[is_known].astype(np.int64), np.argsort(interactions.items)
        scores = np.zeros(movie_ids.size)
        scores[is_known] = self.algorithm.score(interactions)[0, items]
        contributions = np.zeros((movie_ids.size, interactions.items.size))
        contributions[is_known] = self.algorithm.contributions(interactions, items)[by_id].T
        return Explanation(
            movie_ids=movie_ids,
            rated_movie_ids=self.movie_ids[interactions.items[by_id]],
            contributions=contributions,
            rest=scores - contributions.sum(axis=1),
            scores=scores,
        )

    def similar(self, movie_id: int, n: int) -> SimilarMovies:
        """Return the ``n`` most similar movies, fewer if fewer are similar; none for a movie it cannot compare."""
        modelled = self.algorithm.modelled_items
        is_it = self.movie_ids[modelled] == movie_id
        if not is_it.any():
            return SimilarMovies(np.empty(0, np.int64), np.empty(0))
        similarities = self.algorithm.similarities(int(modelled[is_it][0]))
        candidates = modelled[~is_it & (similarities[modelled] > 0)]
        best = candidates[top_items(similarities[candidates], n)]
        return SimilarMovies(self.movie_ids[best], similarities[best])


def _fall_strictly(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower what is not below the one before it; the head of a list does not depend on its tail."""
    steps = TIE_STEP * np.arange(probabilities.size)
    falling: NDArray[np.float64] = np.minimum.accumulate(probabilities + steps) - steps
    return falling
