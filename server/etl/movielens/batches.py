"""The batches of rows that a source yields."""

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from server.etl.movielens.titles import ParsedTitle

LARGEST_ID = 2**53 - 1
"""The largest integer that JavaScript represents exactly."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not usable, and the reason. Lines are counted from 1, including the header."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class SourceMovie:
    """A movie of a source. ``genres`` contains each genre once and may be empty."""

    movie_id: int
    source_title: str
    title: ParsedTitle
    genres: tuple[str, ...]


class SourceLink(NamedTuple):
    """The ids of a movie in other databases."""

    movie_id: int
    imdb_id: str | None
    tmdb_id: int | None


@dataclass(frozen=True, slots=True)
class MovieBatch:
    """Movies in the order of the file. ``read`` counts rows: ``len(movies) + len(rejected)``.

    ``bytes_read`` is the number of (uncompressed) bytes of the file that this batch accounts for.
    """

    movies: list[SourceMovie]
    read: int
    rejected: list[Rejected]
    bytes_read: int


@dataclass(frozen=True, slots=True)
class LinkBatch:
    """Links in the order of the file with their lines. ``read`` and ``bytes_read`` are as in `MovieBatch`."""

    links: list[tuple[int, SourceLink]]
    read: int
    rejected: list[Rejected]
    bytes_read: int


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Rows of ratings or tags in the order of the file. ``read`` counts rows: ``frame.height + len(rejected)``.

    ``frame`` has the columns ``line`` and ``movie_id`` (Int64). Ratings have ``user_id`` (Int64), ``rating`` (Float32,
    0.5 to 5.0 in half steps) and ``rated_at`` (Int64, seconds since 1970 in UTC), and may contain a user and movie
    twice. Tags have ``tag`` (String). ``bytes_read`` is as in `MovieBatch`.
    """

    frame: pl.DataFrame
    read: int
    rejected: list[Rejected]
    bytes_read: int
