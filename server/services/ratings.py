"""Ratings: one per user and movie, with the movie's statistics updated in the same transaction."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Insert, Select, Update, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from server.backend.packed_columns import pack, unpack
from server.backend.reader import Reader
from server.errors import MovieNotFound, RatingNotFound, UserNotFound
from server.models import MovieStatistics, Rating
from server.recommender.data.ratings import History
from server.schemas import ratings as schemas
from server.services.base import BaseDataManager, BaseService
from server.services.live.cards import MovieCards
from server.services.user import UserDataManager

COLUMNS = (
    Rating.rating_id,
    Rating.user_id,
    Rating.movie_id,
    Rating.rating,
    Rating.rated_at.label("timestamp"),
)

# The number of users with the id, 0 or 1, distinguishes a user without ratings from an unknown one in the same read.
HISTORY = {
    dialect: pack(
        "SELECT {packed}, (SELECT count(*) FROM users WHERE user_id = :user_id) "
        "FROM (SELECT movie_id, rating, rated_at FROM ratings WHERE user_id = :user_id LIMIT :at_most) AS history",
        dialect,
        "movie_id",
    )
    for dialect in ("sqlite", "postgresql")
}
ALL_RATINGS = 2**53
"""No user has more ratings: there are not as many movies."""

WITHDRAW = text("""
INSERT INTO withdrawn_ratings (user_id, movie_id, withdrawn_at) VALUES (:user_id, :movie_id, :withdrawn_at)
ON CONFLICT (user_id, movie_id) DO UPDATE SET withdrawn_at = excluded.withdrawn_at
""")


class SavedRating(NamedTuple):
    """A rating as kept, and whether it is the user's first of this movie."""

    rating: schemas.Rating
    is_new: bool


class RatingService(BaseService):
    """Rules of rating."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.ratings = RatingDataManager(session)
        self.users = UserDataManager(session)

    def save_rating(self, wanted: schemas.RatingCreate) -> SavedRating:
        """Rate a movie, or rate it again: then value and time are replaced and the id stays.

        Raises `UserNotFound` and `MovieNotFound`.
        """
        if not self.users.exists(wanted.user_id):
            raise UserNotFound(wanted.user_id)
        if not self.ratings.lock_movie(wanted.movie_id):
            raise MovieNotFound(wanted.movie_id)
        before = self.ratings.find_by_user_and_movie(wanted.user_id, wanted.movie_id)
        if before is None:
            self.ratings.update_statistics(wanted.movie_id, added=wanted.rating)
            return SavedRating(self.ratings.create(wanted), is_new=True)
        self.ratings.update_statistics(wanted.movie_id, removed=before.rating, added=wanted.rating)
        return SavedRating(self.ratings.update(before.rating_id, wanted.rating), is_new=False)

    def get_rating(self, rating_id: int) -> schemas.Rating:
        """Return one rating. Raises `RatingNotFound`."""
        rating = self.ratings.find(rating_id)
        if rating is None:
            raise RatingNotFound(rating_id)
        return rating

    def delete_rating(self, rating: schemas.Rating) -> None:
        """Take a rating back; the movie's average and count follow. Raises `RatingNotFound` if it is gone by now.

        Later ingestions don't restore the rating.
        """
        self.ratings.lock_movie(rating.movie_id)
        stars = self.ratings.delete(rating.rating_id)
        if stars is None:
            raise RatingNotFound(rating.rating_id)
        self.ratings.update_statistics(rating.movie_id, removed=stars)
        self.ratings.record_withdrawal(rating)


class UserRatingsService(BaseService):
    """The list of a user's ratings."""

    def __init__(self, session: Session, cards: MovieCards) -> None:
        super().__init__(session)
        self.ratings = RatingDataManager(session)
        self.users = UserDataManager(session)
        self.cards = cards

    def list_user_ratings(self, user_id: int, query: schemas.UserRatingsQuery) -> schemas.RatingPage:
        """Return a page of a user's ratings. Raises `UserNotFound`."""
        if not self.users.exists(user_id):
            raise UserNotFound(user_id)
        ratings, total = self.ratings.list_of_user(user_id, query)
        if query.expands_movies:
            movies = {movie.movie_id: movie for movie in self.cards.list_by_ids([each.movie_id for each in ratings])}
            ratings = [each.model_copy(update={"movie": movies.get(each.movie_id)}) for each in ratings]
        return schemas.RatingPage(ratings=ratings, total=total, page=query.page, limit=query.limit)


class RatingDataManager(BaseDataManager):
    """SQL of the ratings and of the statistics that follow them."""

    def lock_movie(self, movie_id: int) -> bool:
        """Make other transactions that change this movie's ratings wait for this one; False for an unknown movie.

        On SQLite the transaction as a whole is the lock.
        """
        statement = select(MovieStatistics.movie_id).where(MovieStatistics.movie_id == movie_id).with_for_update()
        return self.session.scalar(statement) is not None

    def find(self, rating_id: int) -> schemas.Rating | None:
        """Return a rating by its id."""
        return self._find(select(*COLUMNS).where(Rating.rating_id == rating_id))

    def find_by_user_and_movie(self, user_id: int, movie_id: int) -> schemas.Rating | None:
        """Return a user's rating of a movie."""
        return self._find(select(*COLUMNS).where(Rating.user_id == user_id, Rating.movie_id == movie_id))

    def create(self, wanted: schemas.RatingCreate) -> schemas.Rating:
        """Insert a rating of this moment."""
        values = wanted.model_dump() | {"rated_at": datetime.now(UTC)}
        return self._save(insert(Rating).values(values))

    def update(self, rating_id: int, stars: float) -> schemas.Rating:
        """Replace a rating's value and time."""
        values = {"rating": stars, "rated_at": datetime.now(UTC)}
        return self._save(update(Rating).where(Rating.rating_id == rating_id).values(values))

    def delete(self, rating_id: int) -> float | None:
        """Delete a rating and return the stars it had, or None if it was gone already."""
        return self.session.scalar(delete(Rating).where(Rating.rating_id == rating_id).returning(Rating.rating))

    def record_withdrawal(self, rating: schemas.Rating) -> None:
        """Record that a rating was deleted, for later ingestions of its source."""
        # The time of a rating may be ahead of this clock.
        withdrawn_at = max(datetime.now(UTC), rating.timestamp)
        values = {"user_id": rating.user_id, "movie_id": rating.movie_id, "withdrawn_at": int(withdrawn_at.timestamp())}
        self.session.execute(WITHDRAW, values)

    def update_statistics(self, movie_id: int, *, removed: float | None = None, added: float | None = None) -> None:
        """Take the stars of one rating out of a movie's count, sum and histogram, and put those of another in."""
        if removed == added:
            return
        count = int(added is not None) - int(removed is not None)
        values = {
            "rating_count": MovieStatistics.rating_count + count,
            "rating_sum": MovieStatistics.rating_sum + (added or 0) - (removed or 0),
        }
        for stars, change in ((removed, -1), (added, 1)):
            if stars is not None:
                column = MovieStatistics.histogram()[int(stars * 2) - 1]
                values[column.key] = column + change
        self.session.execute(update(MovieStatistics).where(MovieStatistics.movie_id == movie_id).values(values))

    def list_of_user(self, user_id: int, query: schemas.UserRatingsQuery) -> tuple[list[schemas.UserRating], int]:
        """Return a page of a user's ratings, and their total."""
        wanted = Rating.user_id == user_id
        if query.movie_id is not None:
            wanted &= Rating.movie_id == query.movie_id
        column = Rating.rating if query.sort.endswith("rating") else Rating.rated_at
        order = [column.desc(), Rating.rating_id.desc()] if query.sort.startswith("-") else [column, Rating.rating_id]
        rows = select(*COLUMNS).where(wanted).order_by(*order).limit(query.limit).offset(query.offset)
        total = self.session.scalar(select(func.count()).select_from(Rating).where(wanted)) or 0
        return [schemas.UserRating(**row) for row in self.session.execute(rows).mappings()], total

    def _find(self, statement: Select[*tuple[Any, ...]]) -> schemas.Rating | None:
        row = self.session.execute(statement).mappings().one_or_none()
        return None if row is None else schemas.Rating(**row)

    def _save(self, statement: Insert | Update) -> schemas.Rating:
        row = self.session.execute(statement.returning(*COLUMNS)).mappings().one()
        return schemas.Rating(**row)


class HistoryDataManager:
    """Hot reads of a user's ratings, past the session."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def find(self, user_id: int, *, at_most: int = ALL_RATINGS) -> History | None:
        """Return a user's ratings as columns, up to a number of them, or None for an unknown user."""
        parameters = {"user_id": user_id, "at_most": at_most}
        *packed, users = self.reader.read(HISTORY[self.reader.dialect], parameters)[0]
        return History(*unpack(self.reader.dialect, packed)) if users else None
