"""The catalogue: movies, their alternative titles, genres and rating statistics, and its ingestions."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Double, ForeignKey, Index, String
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from server.models.base import Base, BigId, UnixTime

# Sort keys. Collation "C" is the order of SQLite, so both databases sort alike.
ByCodePoints = String().with_variant(String(collation="C"), "postgresql")


class Movie(Base):
    """A movie, with the id of its source."""

    __tablename__ = "movies"

    movie_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(String)
    """The title as people say it: article in front, without the year."""
    sort_title: Mapped[str] = mapped_column(ByCodePoints)
    """The sort key: lower case, without accents and article."""
    year: Mapped[int | None]
    source_title: Mapped[str] = mapped_column(String)
    imdb_id: Mapped[str | None] = mapped_column(String)
    """The id at IMDb, like "tt0114709"."""
    tmdb_id: Mapped[int | None] = mapped_column(BigInteger)
    """The id at The Movie Database."""


class AlternativeTitle(Base):
    """An alternative title of a movie. Positions follow the order of the source."""

    __tablename__ = "alternative_titles"

    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey(Movie.movie_id), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String)


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


class Tag(Base):
    """A word or phrase that users put on movies."""

    __tablename__ = "tags"

    tag_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tag_name: Mapped[str] = mapped_column(ByCodePoints)
    """The most frequent spelling of the source that brought the tag first."""
    tag_key: Mapped[str] = mapped_column(ByCodePoints, unique=True)
    """The folded name. Tags that differ only in case, accents or white space are the same."""


class MovieTag(Base):
    """A tag of a movie, with the number of times that users put it there."""

    __tablename__ = "movie_tags"
    __table_args__ = (Index(None, "tag_id", "movie_id"), CheckConstraint("tag_count > 0", name="tag_count"))

    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey(Movie.movie_id), primary_key=True)
    tag_id: Mapped[int] = mapped_column(BigId, ForeignKey(Tag.tag_id), primary_key=True)
    tag_count: Mapped[int] = mapped_column(BigInteger)


class MovieStatistics(Base):
    """The number and sum of a movie's ratings, updated in the transaction that changes a rating.

    Every movie has one row, so its mean takes one look-up. A transaction locks the row before it changes a rating of
    the movie. Ratings are multiples of one half, so the sum is exact in a double up to 2**52 stars.
    """

    __tablename__ = "movie_statistics"
    __table_args__ = (CheckConstraint("rating_count >= 0", name="rating_count"),)

    movie_id: Mapped[int] = mapped_column(BigId, ForeignKey(Movie.movie_id), primary_key=True)
    rating_count: Mapped[int] = mapped_column(BigInteger)
    rating_sum: Mapped[float] = mapped_column(Double)
    # The histogram: the number of ratings of half a star, of one star, and so on. `rating_count` is their sum.
    stars_05: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_10: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_15: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_20: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_25: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_30: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_35: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_40: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_45: Mapped[int] = mapped_column(BigInteger, server_default="0")
    stars_50: Mapped[int] = mapped_column(BigInteger, server_default="0")

    @classmethod
    def histogram(cls) -> list[InstrumentedAttribute[int]]:
        """Return the columns of the histogram, from half a star to five."""
        return [getattr(cls, f"stars_{5 * halves:02d}") for halves in range(1, 11)]


class Ingestion(Base):
    """An ingestion that changed data. The newest id is the version of the catalogue."""

    __tablename__ = "ingestions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    ingestion_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str] = mapped_column(String)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    finished_at: Mapped[datetime] = mapped_column(UnixTime)


class StoredIndex(Base):
    """The search index of a catalogue version, which saves a starting process from building it."""

    __tablename__ = "stored_indexes"

    ingestion_id: Mapped[int] = mapped_column(BigId, ForeignKey(Ingestion.ingestion_id), primary_key=True)
    layout: Mapped[int]
    content: Mapped[bytes]


class PopularitySnapshot(Base):
    """The numbers of ratings in the ranking of searches, the same for all processes. There is at most one row."""

    __tablename__ = "popularity_snapshots"

    snapshot_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    """The version. A process that has another one reads the row."""
    ingestion_id: Mapped[int] = mapped_column(BigId)
    """The version of the catalogue, 0 before the first ingestion."""
    total_ratings: Mapped[int] = mapped_column(BigInteger)
    taken_at: Mapped[datetime] = mapped_column(UnixTime)
    content: Mapped[bytes]
