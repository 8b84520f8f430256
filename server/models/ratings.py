"""The ratings of users."""

from datetime import datetime

from sqlalchemy import REAL, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId, UnixTime
from server.models.movies import Movie
from server.models.user import User


class Rating(Base):
    """A user's rating of a movie, 0.5 to 5.0 stars in half steps. Each user rates a movie at most once."""

    __tablename__ = "ratings"
    __table_args__ = (
        UniqueConstraint("user_id", "movie_id"),
        CheckConstraint("rating BETWEEN 0.5 AND 5.0", name="rating_range"),
        CheckConstraint("rating * 2 = round(rating * 2)", name="rating_half_step"),
        {"sqlite_autoincrement": True},
    )

    rating_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey(User.user_id))
    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey(Movie.movie_id))
    rating: Mapped[float] = mapped_column(REAL)
    rated_at: Mapped[datetime] = mapped_column(UnixTime)


class WithdrawnRating(Base):
    """A rating that its user deleted. An ingestion skips a user's ratings of the movie up to this time.

    Without this record, loading the source of the rating again would bring it back.
    """

    __tablename__ = "withdrawn_ratings"

    user_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    movie_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    withdrawn_at: Mapped[datetime] = mapped_column(UnixTime)
