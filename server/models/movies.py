"""The catalogue: movies, their other titles and genres, their rating statistics, and what was ingested."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Double, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId, UnixTime

# What is sorted by: collation "C" is what SQLite does anyway, so that both databases give one order.
ByCodePoints = String().with_variant(String(collation="C"), "postgresql")


class Movie(Base):
    """A movie; its id is the source's."""

    __tablename__ = "movies"

    movie_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String)
    """As a person says it: article in front, without the year."""
    sort_title: Mapped[str] = mapped_column(ByCodePoints)
    """Folded for ordering: lower case, no accents, no article."""
    year: Mapped[int | None]
    source_title: Mapped[str] = mapped_column(String)


class AlternativeTitle(Base):
    """Another title of a movie, in the order in which its source gives them."""

    __tablename__ = "alternative_titles"

    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey(Movie.movie_id), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String)


class Genre(Base):
    """A genre by name."""

    __tablename__ = "genres"

    genre_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    genre_name: Mapped[str] = mapped_column(ByCodePoints, unique=True)


class MovieGenre(Base):
    """A movie is of a genre."""

    __tablename__ = "movie_genres"
    __table_args__ = (Index(None, "genre_id", "movie_id"),)

    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey(Movie.movie_id), primary_key=True)
    genre_id: Mapped[int] = mapped_column(BigId, ForeignKey(Genre.genre_id), primary_key=True)


class MovieStatistics(Base):
    """Number and sum of a movie's ratings, changed in the transaction that changes a rating: the mean is one row away.

    Every movie has its row. Who changes a movie's ratings locks it first: changes to one movie come one after the
    other. Ratings are multiples of one half, so the sum is exact in a double up to 2**52 stars.
    """

    __tablename__ = "movie_statistics"
    __table_args__ = (CheckConstraint("rating_count >= 0", name="rating_count"),)

    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey(Movie.movie_id), primary_key=True)
    rating_count: Mapped[int] = mapped_column(BigInteger)
    rating_sum: Mapped[float] = mapped_column(Double)


class Ingestion(Base):
    """An ingestion that changed something; the newest id is the catalogue's version."""

    __tablename__ = "ingestions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    ingestion_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str] = mapped_column(String)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    finished_at: Mapped[datetime] = mapped_column(UnixTime)


class StoredIndex(Base):
    """The search index of a catalogue's version, for processes that start; it can always be made anew."""

    __tablename__ = "stored_indexes"

    ingestion_id: Mapped[int] = mapped_column(BigId, ForeignKey(Ingestion.ingestion_id), primary_key=True)
    layout: Mapped[int]
    content: Mapped[bytes]
