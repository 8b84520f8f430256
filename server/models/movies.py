"""Movies and their alternative titles."""

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId, ByCodePoints


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
