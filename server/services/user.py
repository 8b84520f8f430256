"""Users: new ones, their ratings, and what is recommended to them."""

import numpy as np
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from server.errors import UserNotFound
from server.models import User
from server.recommender.interactions import History
from server.recommender.model import TrainedModel
from server.schemas import user as schemas
from server.schemas.base import Paging
from server.schemas.ratings import RatingPage
from server.services.base import BaseDataManager, BaseService
from server.services.live import LiveModel
from server.services.movies import MovieDataManager
from server.services.ratings import RatingDataManager

# As text: a long history would become as many Python dates, only to be turned back into seconds.
HISTORY = text("SELECT movie_id, rating, rated_at FROM ratings WHERE user_id = :user_id")


class UserService(BaseService):
    """Rules of users."""

    def __init__(self, session: Session, live_model: LiveModel) -> None:
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
        self._check_exists(user_id)
        model = self.live_model.get()
        history = self.users.get_history(user_id)
        found = model.recommend(history, n=query.n, exclude_seen=query.exclude_seen)
        movie_ids, probabilities = found.movie_ids.tolist(), found.probabilities.tolist()
        if len(movie_ids) < query.n:
            more = self._movies_newer_than(model, history, query, query.n - len(movie_ids))
            movie_ids += more
            probabilities += [found.floor] * len(more)
        return schemas.RecommendedMovies(movie_ids=movie_ids, probabilities=probabilities)

    def _movies_newer_than(
        self, model: TrainedModel, history: History, query: schemas.RecommendationQuery, count: int
    ) -> list[int]:
        """Movies the model has never heard of: they end the list, for nothing is known of them yet."""
        known = set(model.movie_ids.tolist())
        if query.exclude_seen:
            known.update(history.movie_ids.tolist())
        return self.movies.list_unknown_to(known, count)

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
        rows = self.session.execute(HISTORY, {"user_id": user_id}).all()
        movie_ids, ratings, rated_at = zip(*rows, strict=True) if rows else ((), (), ())
        return History(
            movie_ids=np.array(movie_ids, dtype=np.int64),
            ratings=np.array(ratings, dtype=np.float32),
            rated_at=np.array(rated_at, dtype=np.int64),
        )
