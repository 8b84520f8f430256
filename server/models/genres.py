"""Genres, and the genres of movies."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId, ByCodePoints
from server.models.movies import Movie


class Genre(Base):
    """A genre."""

    __tablename__ = "genres"

    genre_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    genre_name: Mapped[str] = mapped_column(ByCodePoints, unique=True)


class MovieGenre(Base):
    """A genre of a movie."""

    __tablename__ = "movie_genres"
    __table_args__ = (Index(None, "genre_id", "movie_id"),)

    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey(Movie.movie_id), primary_key=True)
    genre_id: Mapped[int] = mapped_column(BigId, ForeignKey(Genre.genre_id), primary_key=True)
