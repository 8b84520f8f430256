"""Users: new ones, their ratings, and what is recommended to them."""

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from server.errors import UserNotFound
from server.models import Rating, User
from server.recommender.catalogue import Catalogue
from server.recommender.interactions import History
from server.recommender.model import TrainedModel
from server.schemas import user as schemas
from server.schemas.base import Paging
from server.schemas.ratings import RatingPage
from server.services.base import BaseDataManager, BaseService
from server.services.live import LiveModel
from server.services.movies import MovieDataManager
from server.services.ratings import RatingDataManager

MAX_NEWCOMERS = 500
"""Of the movies that are newer than the model so many are considered: more than a list has places for."""


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
        newcomers = self._movies_newer_than(model, history, query)
        found = model.recommend(history, n=query.n, exclude_seen=query.exclude_seen, newcomers=newcomers)
        return schemas.RecommendedMovies(movie_ids=found.movie_ids.tolist(), probabilities=found.probabilities.tolist())

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
        rows = self.session.execute(
            select(Rating.movie_id, Rating.rating, Rating.rated_at).where(Rating.user_id == user_id)
        ).all()
        return History(
            movie_ids=np.array([row.movie_id for row in rows], dtype=np.int64),
            ratings=np.array([row.rating for row in rows], dtype=np.float32),
            rated_at=np.array([int(row.rated_at.timestamp()) for row in rows], dtype=np.int64),
        )
