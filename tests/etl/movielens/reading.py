"""Read sources in tests, and compare what they contain."""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from server.etl.movielens.batches import FrameBatch, LinkBatch, MovieBatch, Rejected, SourceLink, SourceMovie
from server.etl.movielens.scale import Scale
from server.etl.movielens.source import open_source
from server.etl.movielens.titles import parse_title

RatingRow = tuple[int, int, int, float, int]


class Contents(NamedTuple):
    """All usable rows of a source, and the rejected ones."""

    movies: list[SourceMovie]
    links: list[SourceLink]
    ratings: list[RatingRow]
    """Line, user, movie, stars and seconds."""
    tags: list[tuple[int, str]]
    rejected: list[Rejected]


def read_source(path: Path, scale: Scale = Scale.STARS) -> Contents:
    """Read all files of a source, and check that its bytes and rows add up."""
    with open_source(path, scale) as source:
        movies, links = list(source.movies()), list(source.links())
        ratings, tags = list(source.ratings()), list(source.tags())
        batches: list[MovieBatch | LinkBatch | FrameBatch] = [*movies, *links, *ratings, *tags]
        assert sum(batch.bytes_read for batch in batches) == source.bytes_total
    contents = Contents(
        [movie for batch in movies for movie in batch.movies],
        [link for link_batch in links for _, link in link_batch.links],
        _concat([batch.frame for batch in ratings], "line", "user_id", "movie_id", "rating", "rated_at"),
        _concat([batch.frame for batch in tags], "movie_id", "tag"),
        [row for batch in batches for row in batch.rejected],
    )
    rows = len(contents.movies) + len(contents.links) + len(contents.ratings) + len(contents.tags)
    assert sum(batch.read for batch in batches) == rows + len(contents.rejected)
    return contents


def movie(movie_id: int, source_title: str, *genres: str) -> SourceMovie:
    """Return a movie with a parsed title."""
    return SourceMovie(movie_id, source_title, parse_title(source_title), genres)


def _concat(frames: list[pl.DataFrame], *columns: str) -> list[Any]:
    return [row for frame in frames for row in frame.select(columns).rows()]
