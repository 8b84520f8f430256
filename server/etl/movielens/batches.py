"""What a source of movies and ratings hands over, batch by batch."""

from dataclasses import dataclass

import polars as pl

from server.etl.movielens.titles import ParsedTitle

LARGEST_ID = 2**53 - 1
"""The largest id a source may use: JavaScript reads no larger number exactly, and there must be a next user."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that could not be used, and why. Lines are counted from 1, the header included."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class SourceMovie:
    """A movie as its source describes it; ``genres`` holds each genre once and may be empty."""

    movie_id: int
    source_title: str
    title: ParsedTitle
    genres: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MovieBatch:
    """Movies in the order of the file. ``read`` counts rows: ``len(movies) + len(rejected)``.

    ``bytes_read`` are the (uncompressed) bytes of the file that this batch stands for.
    """

    movies: list[SourceMovie]
    read: int
    rejected: list[Rejected]
    bytes_read: int


@dataclass(frozen=True, slots=True)
class RatingBatch:
    """Ratings in the order of the file. ``read`` counts rows: ``frame.height + len(rejected)``.

    ``frame`` has the columns ``line``, ``user_id``, ``movie_id``, ``rating`` (0.5 to 5.0 in half steps) and
    ``rated_at`` (seconds since 1970 in UTC): Float32 the rating, Int64 the rest. A movie may be rated twice.
    ``bytes_read`` are the (uncompressed) bytes of the file that this batch stands for.
    """

    frame: pl.DataFrame
    read: int
    rejected: list[Rejected]
    bytes_read: int
