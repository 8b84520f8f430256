"""Users: new ones, their ratings, and what is recommended to them."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert, text

from server.backend.database import TransactionSession
from server.backend.packed_columns import pack, unpack
from server.errors import UserNotFound
from server.models import User
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import History
from server.recommender.data.lists import top_items
from server.recommender.model import TrainedModel
from server.schemas import user as schemas
from server.schemas.base import Paging
from server.schemas.ratings import RatingPage
from server.services.base import BaseDataManager, BaseService
from server.services.live.model import LiveModel
from server.services.movies import MovieDataManager
from server.services.ratings import RatingDataManager

# As text, where putting a statement together takes SQLAlchemy longer than it takes the database to answer it.
HISTORY = {
    dialect: text(pack("SELECT {packed} FROM ratings WHERE user_id = :user_id", dialect, "movie_id"))
    for dialect in ("sqlite", "postgresql")
}

MAX_REASONS = 5

MAX_NEWCOMERS = 500
"""Of the movies that are newer than the model so many are considered: more than a list has places for."""


class UserService(BaseService):
    """Rules of users."""

    def __init__(self, session: TransactionSession, live_model: LiveModel) -> None:
        super().__init__(session)
        self.users = UserDataManager(session)
        self.ratings = RatingDataManager(session)
        self.movies = MovieDataManager(session)
        self.live_model = live_model

    def create_user(self) -> schemas.User:
        """Make a new user."""
        return schemas.User(user_id=self.users.create())

    def list_ratings(self, user_id: int, paging: Paging) -> RatingPage:
        """Give a page of a user's ratings, newest first. Raises `UserNotFound`."""
        self._check_exists(user_id)
        ratings, total = self.ratings.list_of_user(user_id, paging)
        return RatingPage(ratings=ratings, total=total, page=paging.page, limit=paging.limit)

    def recommend_movies(self, user_id: int, query: schemas.RecommendationQuery) -> schemas.RecommendedMovies:
        """Give the movies the user will most probably like, best first.

        His ratings are read now: the newest counts. Raises `UserNotFound`; `NoActiveModel` before the first training.
        """
        history = self.users.get_history(user_id)
        # Who has rated is there: a statement less for all but the new ones.
        if not history.movie_ids.size:
            self._check_exists(user_id)
        model = self.live_model.get()
        newcomers = self._movies_newer_than(model, history, query)
        found = model.recommend(history, n=query.n, exclude_seen=query.exclude_seen, newcomers=newcomers)
        movie_ids = found.movie_ids.tolist()
        return schemas.RecommendedMovies(
            movie_ids=movie_ids,
            probabilities=found.probabilities.tolist(),
            movies=self.movies.list_by_ids(movie_ids) if query.expands_movies else None,
            explanations=self._explain(model, history, movie_ids) if query.explain else None,
        )

    def _movies_newer_than(
        self, model: TrainedModel, history: History, query: schemas.RecommendationQuery
    ) -> Catalogue | None:
        """Read what the model has never heard of, the most rated first, where its own movies cannot fill the list."""
        n_seen = history.movie_ids.size if query.exclude_seen else 0
        if len(model.catalogue) - n_seen >= query.n:
            return None
        newer = self.movies.list_by_ids(self.movies.list_unknown_to(model.movie_ids.tolist(), MAX_NEWCOMERS))
        return Catalogue.of_movies(
            (movie.movie_id, movie.year, [genre.genre_name for genre in movie.genres]) for movie in newer
        )

    def _explain(self, model: TrainedModel, history: History, movie_ids: list[int]) -> list[schemas.Explanation]:
        """Say of each movie which ratings speak for it most, and what everything else adds to its score."""
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

    def _check_exists(self, user_id: int) -> None:
        if not self.ratings.user_exists(user_id):
            raise UserNotFound(user_id)


class UserDataManager(BaseDataManager):
    """SQL of the users."""

    def create(self) -> int:
        """Insert a user with the next free id, and give it."""
        return self.session.execute(insert(User).values().returning(User.user_id)).scalar_one()

    def get_history(self, user_id: int) -> History:
        """Read all of a user's ratings as columns."""
        (row,) = self.session.read_rows(HISTORY[self.dialect], {"user_id": user_id})
        return History(*unpack(self.dialect, row))


def _strongest(contributions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give the places of what speaks for a movie most, the strongest first."""
    best = top_items(contributions, MAX_REASONS)
    return best[contributions[best] > 0]
