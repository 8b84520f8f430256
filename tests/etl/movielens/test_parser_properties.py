"""For any content, each row is counted once, as usable or as rejected, and written rows are read unchanged."""

import csv
import io
import itertools
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from server.command_errors import SourceError
from server.etl.movielens.batches import LARGEST_ID, FrameBatch, MovieBatch
from server.etl.movielens.blocks import Block, read_blocks
from server.etl.movielens.formats import Role, detect_format
from server.etl.movielens.genres import parse_genres
from server.etl.movielens.movies import MovieParser
from server.etl.movielens.ratings import RatingParser
from server.etl.movielens.rows import parse_rows
from server.etl.movielens.titles import parse_title

# Arbitrary bytes, and text that resembles rows.
CONTENTS = st.binary(max_size=200) | st.text('19,"|:;()a.5é \t\r\n\\', max_size=60).map(str.encode)
HEADERS = {"movies": "movieId,title,genres", "ratings": "userId,movieId,rating,timestamp"}
DOUBLE_COLONS = {"movies": "1::Heat (1995)::Crime", "ratings": "1::1::4::964982703"}
IDS = st.integers(1, LARGEST_ID)
TITLES = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=40).filter(
    lambda title: parse_title(title).title
)
GENRES = st.lists(st.text("abc- é", min_size=1, max_size=8).map(str.strip).filter(bool), max_size=4, unique=True)
HALF_STARS = st.integers(1, 10)
EMPTY = pl.DataFrame(
    schema={"line": pl.Int64, "user_id": pl.Int64, "movie_id": pl.Int64, "rating": pl.Float32, "rated_at": pl.Int64}
)
MOMENTS = st.integers(0, int(time.time()))


def parse_movies(content: bytes, first_line: str = HEADERS["movies"]) -> MovieBatch:
    file_format = detect_format([first_line], Role.MOVIES, "movies.csv")
    blocks = [Block(1, content, len(content))]
    [rows] = parse_rows(blocks, "movies.csv", file_format, MovieParser("movies.csv", file_format))
    return MovieBatch([movie for _, movie in rows.items], rows.read, rows.rejected, rows.bytes_read)


def parse_ratings(content: bytes, first_line: str = HEADERS["ratings"]) -> FrameBatch:
    file_format = detect_format([first_line], Role.RATINGS, "ratings.csv")
    parser = RatingParser("ratings.csv", file_format)
    try:
        batches = list(parser.parse([Block(1, content, len(content))]))
    except SourceError:
        # The ratings happen to be on another scale.
        reject()
    frames = [batch.frame for batch in batches]
    return FrameBatch(
        pl.concat(frames) if frames else EMPTY,
        sum(batch.read for batch in batches),
        [row for batch in batches for row in batch.rejected],
        sum(batch.bytes_read for batch in batches),
    )


def as_csv(*rows: tuple[object, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize("first_line", [HEADERS["movies"], DOUBLE_COLONS["movies"]])
@given(content=CONTENTS)
def test_every_row_of_movies_is_usable_or_rejected(content: bytes, first_line: str) -> None:
    batch = parse_movies(content, first_line)

    assert batch.read == len(batch.movies) + len(batch.rejected) <= sum(map(bool, content.split(b"\n")))
    movie_ids = [movie.movie_id for movie in batch.movies]
    assert len(set(movie_ids)) == len(movie_ids)
    assert all(1 <= movie.movie_id <= LARGEST_ID and movie.title.title for movie in batch.movies)
    assert all(1 <= row.line <= content.count(b"\n") + 1 for row in batch.rejected)


@given(st.lists(st.tuples(IDS, TITLES, GENRES), min_size=1, max_size=4, unique_by=lambda movie: movie[0]))
def test_written_movies_are_read_unchanged(movies: list[tuple[int, str, list[str]]]) -> None:
    batch = parse_movies(as_csv(*((movie_id, title, "|".join(genres)) for movie_id, title, genres in movies)))

    assert [(movie.movie_id, movie.source_title, movie.genres) for movie in batch.movies] == [
        (movie_id, title, parse_genres("|".join(genres))) for movie_id, title, genres in movies
    ]


@pytest.mark.parametrize("first_line", [HEADERS["ratings"], DOUBLE_COLONS["ratings"]])
@given(content=CONTENTS)
def test_every_row_of_ratings_is_usable_or_rejected(content: bytes, first_line: str) -> None:
    batch = parse_ratings(content, first_line)

    assert batch.read == batch.frame.height + len(batch.rejected) <= content.count(b"\n") + 1
    assert batch.frame["rating"].is_between(0.5, 5).all()
    assert all(batch.frame[name].is_between(1, LARGEST_ID).all() for name in ("user_id", "movie_id"))
    assert batch.frame["line"].is_between(1, content.count(b"\n") + 1).all()


@given(st.lists(st.tuples(IDS, IDS, HALF_STARS, MOMENTS), min_size=1, max_size=4))
def test_written_ratings_are_read_unchanged(ratings: list[tuple[int, int, int, int]]) -> None:
    frame = parse_ratings(as_csv(*((user, movie, half / 2, moment) for user, movie, half, moment in ratings))).frame

    assert [(user, movie, round(2 * stars), moment) for _, user, movie, stars, moment in frame.iter_rows()] == ratings


@given(
    st.lists(
        st.one_of(
            st.builds(
                "{},{},{},{}".format,
                st.integers(0, 3),
                st.integers(-1, LARGEST_ID + 1),
                st.sampled_from(["0.5", "1", "5.0", "4.7", ".5", "4.", "1e0", "inf", '"2"', ""]),
                st.integers(-1, 7_258_118_400),
            ),
            st.text("1,. x"),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_row_does_not_depend_on_its_neighbours(lines: list[str]) -> None:
    alone = [row[1:] for line in lines for row in parse_ratings(line.encode()).frame.iter_rows()]

    together = parse_ratings("\n".join(lines).encode())

    assert [row[1:] for row in together.frame.iter_rows()] == alone
    assert together.read == together.frame.height + len(together.rejected)


@given(
    st
    .binary()
    .map(lambda noise: noise.replace(b"\0", b"\n").replace(b"\r", b"\n"))
    # UTF-16 is converted, so its bytes are not those of the file.
    .filter(lambda noise: not noise.startswith((b"\xff\xfe", b"\xfe\xff"))),
    st.integers(1, 40),
)
def test_blocks_are_whole_lines_and_together_the_file(content: bytes, block_bytes: int) -> None:
    blocks = list(read_blocks(io.BytesIO(content), "file", block_bytes))

    assert b"".join(block.content for block in blocks) == content
    assert sum(block.size for block in blocks) == len(content)
    assert all(block.content.endswith(b"\n") for block in blocks[:-1])
    for block, next_block in itertools.pairwise(blocks):
        assert next_block.first_line == block.first_line + block.content.count(b"\n")


def test_a_record_is_in_one_block_wherever_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "movies.csv"
    path.write_bytes(as_csv(*((number, f"Film\n{number}", "Drama") for number in range(1, 100))))

    for block_bytes in range(20, 60):
        with path.open("rb") as stream:
            blocks = list(read_blocks(stream, "movies.csv", block_bytes))
        assert all(block.content.count(b'"') % 2 == 0 for block in blocks)
