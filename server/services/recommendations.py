"""Recommendations: what a user will most probably like, and why."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from server.backend.reader import Reader
from server.errors import MovieNotFound, UserNotFound
from server.recommender.data.catalogue import Catalogue, MovieFilter
from server.recommender.data.lists import top_items
from server.recommender.data.ratings import LIKE_THRESHOLD, History
from server.recommender.model import ALL_MOVIES, Recommendations, TrainedModel
from server.schemas import user as schemas
from server.schemas.movies import GenreMatch, Movie
from server.services.genres import GenreDataManager
from server.services.live.cards import MovieCards
from server.services.live.model import ModelSource
from server.services.movies import MovieDataManager
from server.services.ratings import HistoryDataManager

MAX_REASONS = 5

MAX_NEWCOMERS = 500
"""Consider at most this many movies that are newer than the model: more than a list has places for."""

MAX_INLINE_RATINGS = 500
"""Scoring a longer history takes longer than the event loop should wait."""


class RecommendationService:
    """Rules of recommendations, for one request. Plain lists need no session, so it is opened for the others only."""

    def __init__(
        self, open_session: Callable[[], Session], reader: Reader, live_model: ModelSource, cards: MovieCards
    ) -> None:
        self.histories = HistoryDataManager(reader)
        self.cards = cards
        self.live_model = live_model
        self._open_session = open_session
        self._read_inline: dict[int, History | None] = {}

    @property
    def session(self) -> Session:
        """The session of the request."""
        return self._open_session()

    @property
    def movies(self) -> MovieDataManager:
        """The movies as the session sees them."""
        return MovieDataManager(self.session)

    def recommends_inline(self, user_id: int, query: schemas.RecommendationQuery) -> bool:
        """Return whether a list is made so fast that the event loop may wait for it.

        A short history is kept for `recommend_movies`: to count the ratings first would take as long as to read them.
        """
        if not self.cards.is_in_process or self.is_costly(query) or self.live_model.version is None:
            return False
        history = self.histories.find(user_id, at_most=MAX_INLINE_RATINGS + 1)
        n_ratings = 0 if history is None else history.movie_ids.size
        if n_ratings > MAX_INLINE_RATINGS:
            return False
        self._read_inline[user_id] = history
        return len(self.live_model.get().catalogue) - n_ratings >= query.n

    def is_costly(self, query: schemas.RecommendationQuery) -> bool:
        """Return whether only few such lists should be made at the same time."""
        return query.explain or bool(query.expand) or query.filters_movies

    def recommend_movies(self, user_id: int, query: schemas.RecommendationQuery) -> schemas.RecommendedMovies:
        """Return the movies the user will most probably like, best first.

        The ratings are read now: the newest counts. Raises `UserNotFound`; `NoActiveModel` before the first training.
        """
        is_read = user_id in self._read_inline
        history = self._read_inline.pop(user_id) if is_read else self.histories.find(user_id)
        if history is None:
            raise UserNotFound(user_id)
        return self._recommend(history, query, pointer="#/query/genre")

    def recommend_to_guest(self, request: schemas.RecommendationRequest) -> schemas.RecommendedMovies:
        """Return the list of a user with these ratings. Raises `MovieNotFound` and as `recommend_movies`."""
        movie_ids = [rating.movie_id for rating in request.ratings]
        known = self.movies.list_titles(set(movie_ids))
        for movie_id in movie_ids:
            if movie_id not in known:
                raise MovieNotFound(movie_id)
        history = History(
            np.array(movie_ids, np.int64),
            np.array([rating.rating for rating in request.ratings], np.float32),
            np.arange(len(movie_ids)),
        )
        return self._recommend(history, request.query, pointer="#/body/genre")

    def _recommend(
        self, history: History, query: schemas.RecommendationQuery, *, pointer: str
    ) -> schemas.RecommendedMovies:
        model = self.live_model.get()
        found = self._find_best(model, history, query, self._movie_filter(query, pointer=pointer))
        n_listed = np.count_nonzero(found.probabilities >= query.min_probability)
        movie_ids, probabilities = found.movie_ids[:n_listed].tolist(), found.probabilities[:n_listed].tolist()
        movies = self.cards.list_by_ids(movie_ids) if query.expand or query.explain else None
        explanations = self._explain(model, history, movie_ids) if query.explain else None
        return schemas.RecommendedMovies(
            movie_ids=movie_ids,
            probabilities=probabilities,
            recommendations=None if movies is None else _together(movies, probabilities, explanations),
            movies=movies if query.expands_movies else None,
            explanations=explanations,
        )

    def _find_best(
        self, model: TrainedModel, history: History, query: schemas.RecommendationQuery, movie_filter: MovieFilter
    ) -> Recommendations:
        """Return the list; movies that the model does not know precede disliked ones if its own do not fill it."""
        found = model.recommend(history, n=query.n, exclude_seen=query.exclude_seen, movie_filter=movie_filter)
        disliked = history.movie_ids[history.ratings < LIKE_THRESHOLD]
        if found.movie_ids.size == query.n and found.movie_ids[-1] not in disliked:
            return found
        return model.recommend(
            history,
            n=query.n,
            exclude_seen=query.exclude_seen,
            newcomers=self._movies_newer_than(model),
            movie_filter=movie_filter,
        )

    def _movie_filter(self, query: schemas.RecommendationQuery, *, pointer: str) -> MovieFilter:
        if not query.filters_movies:
            return ALL_MOVIES
        genres = GenreDataManager(self.session).find_all(query.genre, pointer=pointer)
        return MovieFilter(
            genre_names=tuple(name for _, name in genres),
            needs_all_genres=query.genre_match is GenreMatch.ALL,
            year_from=query.year_from,
            year_to=query.year_to,
        )

    def _movies_newer_than(self, model: TrainedModel) -> Catalogue:
        """Read movies that the model does not know, the most rated first."""
        newer = self.cards.list_by_ids(self.movies.list_unknown_to(model.movie_ids.tolist(), MAX_NEWCOMERS))
        return Catalogue.of_movies(
            (movie.movie_id, movie.year, [genre.genre_name for genre in movie.genres]) for movie in newer
        )

    def _explain(self, model: TrainedModel, history: History, movie_ids: list[int]) -> list[schemas.Explanation]:
        """Name for each movie the ratings that speak for it most, and what everything else adds to its score."""
        found = model.explain(history, np.array(movie_ids, np.int64))
        strongest = [_strongest(contributions) for contributions in found.contributions]
        titles = self.movies.list_titles({
            movie_id for places in strongest for movie_id in found.rated_movie_ids[places].tolist()
        })
        stars = dict(zip(history.movie_ids.tolist(), history.ratings.tolist(), strict=True))

        def reason(movie_id: int, contribution: float) -> schemas.Reason:
            title, rating = titles[movie_id], stars[movie_id]
            return schemas.Reason(movie_id=movie_id, title=title, rating=rating, contribution=contribution)

        return [
            schemas.Explanation(
                movie_id=movie_id,
                score=score,
                because=list(map(reason, found.rated_movie_ids[places].tolist(), contributions[places].tolist())),
                other_ratings=float(np.delete(contributions, places).sum()),
                rest=rest,
            )
            for movie_id, score, contributions, rest, places in zip(
                movie_ids, found.scores.tolist(), found.contributions, found.rest.tolist(), strongest, strict=True
            )
        ]


def _together(
    movies: list[Movie], probabilities: list[float], explanations: list[schemas.Explanation] | None
) -> list[schemas.Recommendation]:
    reasons = [None] * len(movies) if explanations is None else [explanation.because for explanation in explanations]
    return [
        schemas.Recommendation(movie=movie, probability=probability, because=because)
        for movie, probability, because in zip(movies, probabilities, reasons, strict=True)
    ]


def _strongest(contributions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of the contributions that speak for a movie most, the strongest first."""
    best = top_items(contributions, MAX_REASONS)
    return best[contributions[best] > 0]
