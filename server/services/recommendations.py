"""Recommendations: what a user will most probably like, and why."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from server.backend.reader import Reader
from server.errors import UserNotFound
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import History
from server.recommender.data.lists import top_items
from server.recommender.model import NO_MOVIES, TrainedModel
from server.schemas import user as schemas
from server.services.base import BaseService
from server.services.live.cards import MovieCards
from server.services.live.model import LiveModel
from server.services.movies import MovieDataManager
from server.services.ratings import HistoryDataManager

MAX_REASONS = 5

MAX_NEWCOMERS = 500
"""Consider at most this many movies that are newer than the model: more than a list has places for."""

MAX_INLINE_RATINGS = 500
"""Scoring a longer history takes longer than the event loop should wait."""


class RecommendationService(BaseService):
    """Rules of recommendations."""

    def __init__(self, session: Session, reader: Reader, live_model: LiveModel, cards: MovieCards) -> None:
        super().__init__(session)
        self.histories = HistoryDataManager(reader)
        self.movies = MovieDataManager(session)
        self.cards = cards
        self.live_model = live_model

    def recommends_inline(self, user_id: int, query: schemas.RecommendationQuery) -> bool:
        """Return whether a list is made so fast that the event loop may wait for it."""
        if not self.cards.is_in_process or query.expand or query.explain or self.live_model.version is None:
            return False
        ratings = self.histories.count(user_id, at_most=MAX_INLINE_RATINGS + 1)
        return ratings <= MAX_INLINE_RATINGS and not _lacks_movies(self.live_model.get(), ratings, query)

    def recommend_movies(self, user_id: int, query: schemas.RecommendationQuery) -> schemas.RecommendedMovies:
        """Return the movies the user will most probably like, best first.

        The ratings are read now: the newest counts. Raises `UserNotFound`; `NoActiveModel` before the first training.
        """
        history = self.histories.find(user_id)
        if history is None:
            raise UserNotFound(user_id)
        model = self.live_model.get()
        newcomers = self._movies_newer_than(model, history, query)
        found = model.recommend(history, n=query.n, exclude_seen=query.exclude_seen, newcomers=newcomers or NO_MOVIES)
        movie_ids = found.movie_ids.tolist()
        return schemas.RecommendedMovies(
            movie_ids=movie_ids,
            probabilities=found.probabilities.tolist(),
            movies=self.cards.list_by_ids(movie_ids) if query.expands_movies else None,
            explanations=self._explain(model, history, movie_ids) if query.explain else None,
        )

    def _movies_newer_than(
        self, model: TrainedModel, history: History, query: schemas.RecommendationQuery
    ) -> Catalogue | None:
        """Read movies that the model does not know, the most rated first, if its own cannot fill the list."""
        if not _lacks_movies(model, history.movie_ids.size, query):
            return None
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


def _lacks_movies(model: TrainedModel, n_rated: int, query: schemas.RecommendationQuery) -> bool:
    return len(model.catalogue) - (n_rated if query.exclude_seen else 0) < query.n


def _strongest(contributions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of the contributions that speak for a movie most, the strongest first."""
    best = top_items(contributions, MAX_REASONS)
    return best[contributions[best] > 0]
