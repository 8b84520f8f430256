"""The number, sum and histogram of each movie's ratings."""

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from server.models.base import Base, BigId
from server.models.movies import Movie


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
