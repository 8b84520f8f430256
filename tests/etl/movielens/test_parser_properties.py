"""Whatever a file holds: each row is counted once, as good or with its reason, and what was written is read."""

import csv
import io
import time
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.etl.movielens.batches import LARGEST_ID
from server.etl.movielens.blocks import Block
from server.etl.movielens.movie_rows import parse_movie_blocks, split_colons, split_csv
from server.etl.movielens.rating_blocks import parse_rating_block
from server.etl.movielens.titles import parse_title

# Any bytes at all, and such as nearly are a row.
CONTENTS = st.binary(max_size=200) | st.text('19,"|:()a.5é \t\r\n', max_size=60).map(str.encode)
IDS = st.integers(1, LARGEST_ID)
TITLES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=40).filter(
    lambda title: parse_title(title).title
)
GENRES = st.lists(st.text("abc- é", min_size=1, max_size=8).map(str.strip).filter(bool), max_size=4, unique=True)
HALF_STARS = st.integers(1, 10)
MOMENTS = st.integers(0, int(time.time()))


def as_csv(*rows: tuple[object, ...]) -> Block:
    """Write rows as a block."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode()
    return Block(1, content, len(content))


def count_rows(content: bytes) -> int:
    return sum(bool(line.strip()) for line in content.split(b"\n"))


@pytest.mark.parametrize("split_row", [split_csv, split_colons])
@given(content=CONTENTS)
def test_every_row_of_movies_is_a_movie_or_rejected(content: bytes, split_row: Callable[[str], list[str]]) -> None:
    [batch] = parse_movie_blocks([Block(1, content, len(content))], "movies", split_row)

    assert count_rows(content) == batch.read == len(batch.movies) + len(batch.rejected)
    movie_ids = [movie.movie_id for movie in batch.movies]
    assert len(set(movie_ids)) == len(movie_ids)
    assert all(1 <= movie.movie_id <= LARGEST_ID and movie.title.title for movie in batch.movies)
    assert all(1 <= row.line <= content.count(b"\n") + 1 for row in batch.rejected)


@given(st.lists(st.tuples(IDS, TITLES, GENRES), max_size=4, unique_by=lambda movie: movie[0]))
def test_a_movie_that_was_written_is_read(movies: list[tuple[int, str, list[str]]]) -> None:
    block = as_csv(*((movie_id, title, "|".join(genres)) for movie_id, title, genres in movies))

    [batch] = parse_movie_blocks([block], "movies.csv", split_csv)

    assert [(movie.movie_id, movie.source_title, list(movie.genres)) for movie in batch.movies] == movies


@pytest.mark.parametrize("separator", [",", "::"])
@given(content=CONTENTS)
def test_every_row_of_ratings_is_a_rating_or_rejected(content: bytes, separator: str) -> None:
    batch = parse_rating_block(Block(1, content, len(content)), "ratings", separator)

    assert batch.read == batch.frame.height + len(batch.rejected) <= content.count(b"\n") + 1
    is_good = pl.col("rating").is_between(0.5, 5) & pl.min_horizontal("user_id", "movie_id").is_between(1, LARGEST_ID)
    assert batch.frame.filter(~is_good).is_empty()
    assert batch.frame["line"].is_between(1, content.count(b"\n") + 1).all()


@given(st.lists(st.tuples(IDS, IDS, HALF_STARS, MOMENTS), max_size=4))
def test_a_rating_that_was_written_is_read(ratings: list[tuple[int, int, int, int]]) -> None:
    block = as_csv(*((user, movie, half_stars / 2, moment) for user, movie, half_stars, moment in ratings))

    frame = parse_rating_block(block, "ratings.csv", ",").frame

    read = frame.select("user_id", "movie_id", (pl.col("rating") * 2).cast(pl.Int64), "rated_at")
    assert read.rows() == ratings
