"""Ratings: one a user and movie, with the movie's statistics kept in the same transaction."""

from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import delete, func, insert, select, text, update

from server.backend.database import TransactionSession
from server.errors import MovieNotFound, RatingNotFound, UserNotFound
from server.models import MovieStatistics, Rating
from server.schemas import ratings as schemas
from server.schemas.base import Paging
from server.services.base import BaseDataManager, BaseService

COLUMNS = (
    Rating.rating_id,
    Rating.user_id,
    Rating.movie_id,
    Rating.rating,
    Rating.rated_at.label("timestamp"),
)

# As text, for it is the first statement of many a request.
USER = text("SELECT 1 FROM users WHERE user_id = :user_id")


class SavedRating(NamedTuple):
    """A rating as kept, and whether it is the user's first of this movie."""

    rating: schemas.Rating
    is_new: bool


class RatingService(BaseService):
    """Rules of rating."""

    def __init__(self, session: TransactionSession) -> None:
        super().__init__(session)
        self.ratings = RatingDataManager(session)

    def save_rating(self, wanted: schemas.RatingCreate) -> SavedRating:
        """Rate a movie, or rate it again: then value and time are replaced and the id stays.

        Raises `UserNotFound` and `MovieNotFound`.
        """
        if not self.ratings.user_exists(wanted.user_id):
            raise UserNotFound(wanted.user_id)
        if not self.ratings.lock_movie(wanted.movie_id):
            raise MovieNotFound(wanted.movie_id)
        before = self.ratings.find_by_user_and_movie(wanted.user_id, wanted.movie_id)
        if before is None:
            rating_id = self.ratings.create(wanted)
            self.ratings.add_to_statistics(wanted.movie_id, count=1, stars=wanted.rating)
        else:
            rating_id = before.rating_id
            self.ratings.update(rating_id, wanted.rating)
            self.ratings.add_to_statistics(wanted.movie_id, count=0, stars=wanted.rating - before.rating)
        return SavedRating(self.get_rating(rating_id), is_new=before is None)

    def get_rating(self, rating_id: int) -> schemas.Rating:
        """Give one rating. Raises `RatingNotFound`."""
        rating = self.ratings.find(rating_id)
        if rating is None:
            raise RatingNotFound(rating_id)
        return rating

    def delete_rating(self, rating_id: int) -> None:
        """Take a rating back; the movie's average and count follow. Raises `RatingNotFound`."""
        movie_id = self.get_rating(rating_id).movie_id
        self.ratings.lock_movie(movie_id)
        stars = self.ratings.delete(rating_id)
        if stars is None:
            raise RatingNotFound(rating_id)
        self.ratings.add_to_statistics(movie_id, count=-1, stars=-stars)


class RatingDataManager(BaseDataManager):
    """SQL of the ratings and of the statistics that follow them."""

    def user_exists(self, user_id: int) -> bool:
        """Say whether there is such a user."""
        return bool(self.session.read_rows(USER, {"user_id": user_id}))

    def lock_movie(self, movie_id: int) -> bool:
        """Make other transactions that change this movie's ratings wait for this one; False for an unknown movie.

        On SQLite the transaction as a whole is the lock.
        """
        statement = select(MovieStatistics.movie_id).where(MovieStatistics.movie_id == movie_id).with_for_update()
        return self.session.scalar(statement) is not None

    def find(self, rating_id: int) -> schemas.Rating | None:
        """Give a rating by its id."""
        row = self.session.execute(select(*COLUMNS).where(Rating.rating_id == rating_id)).one_or_none()
        return None if row is None else schemas.Rating(**row._mapping)

    def find_by_user_and_movie(self, user_id: int, movie_id: int) -> schemas.Rating | None:
        """Give a user's rating of a movie."""
        row = self.session.execute(
            select(*COLUMNS).where(Rating.user_id == user_id, Rating.movie_id == movie_id)
        ).one_or_none()
        return None if row is None else schemas.Rating(**row._mapping)

    def create(self, wanted: schemas.RatingCreate) -> int:
        """Insert a rating of this moment and give its id."""
        values = wanted.model_dump() | {"rated_at": datetime.now(UTC)}
        return self.session.execute(insert(Rating).values(values).returning(Rating.rating_id)).scalar_one()

    def update(self, rating_id: int, stars: float) -> None:
        """Replace a rating's value and time."""
        values = {"rating": stars, "rated_at": datetime.now(UTC)}
        self.session.execute(update(Rating).where(Rating.rating_id == rating_id).values(values))

    def delete(self, rating_id: int) -> float | None:
        """Delete a rating and give the stars it had, or None where it was gone already."""
        return self.session.scalar(delete(Rating).where(Rating.rating_id == rating_id).returning(Rating.rating))

    def add_to_statistics(self, movie_id: int, *, count: int, stars: float) -> None:
        """Move a movie's count and sum of ratings by so much."""
        self.session.execute(
            update(MovieStatistics)
            .where(MovieStatistics.movie_id == movie_id)
            .values(
                rating_count=MovieStatistics.rating_count + count,
                rating_sum=MovieStatistics.rating_sum + stars,
            )
        )

    def list_of_user(self, user_id: int, paging: Paging) -> tuple[list[schemas.Rating], int]:
        """Give a page of a user's ratings, newest first, and their total."""
        of_user = Rating.user_id == user_id
        rows = self.session.execute(
            select(*COLUMNS)
            .where(of_user)
            .order_by(Rating.rated_at.desc(), Rating.rating_id.desc())
            .limit(paging.limit)
            .offset(paging.offset)
        )
        total = self.session.scalar(select(func.count()).select_from(Rating).where(of_user)) or 0
        return [schemas.Rating(**row._mapping) for row in rows], total
