"""Tags, and the tags of movies."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId, ByCodePoints
from server.models.movies import Movie


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
