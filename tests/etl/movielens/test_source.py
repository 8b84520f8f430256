import io
import itertools
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from server.command_errors import SourceError
from server.etl.movielens.batches import MovieBatch, RatingBatch, Rejected, SourceMovie
from server.etl.movielens.blocks import LONGEST_LINE_BYTES, Block, read_blocks
from server.etl.movielens.rating_blocks import parse_rating_block
from server.etl.movielens.source import open_source
from server.etl.movielens.titles import parse_title

MOVIES = (
    b'movieId,title,genres\r\n1,Toy Story (1995),Animation|Comedy\r\n2,"Postman, The (1994)",(no genres listed)\r\n'
)
RATINGS = b"userId,movieId,rating,timestamp\r\n1,1,4.0,964982703\r\n7,2,0.5,1704067199\r\n"
OLD_MOVIES = "1::Toy Story (1995)::Animation|Comedy\n11::Star Wars: Episode::IV (1977)::Sci-Fi\n"
OLD_RATINGS = b"1::1::4::964982703\n7::11::0.5::1704067199\n"
TOO_LARGE = 2**53

Write = Callable[[Path, dict[str, bytes]], Path]


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        folder.joinpath(name).write_bytes(content)
    return folder


def write_zip(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "release.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def read_all(path: Path) -> tuple[list[SourceMovie], pl.DataFrame]:
    with open_source(path) as source:
        movie_batches, rating_batches = list(source.movies()), list(source.ratings())
        bytes_read = [batch.bytes_read for batch in movie_batches] + [batch.bytes_read for batch in rating_batches]
        assert sum(bytes_read) == source.bytes_total
    movies = [accepted for batch in movie_batches for accepted in batch.movies]
    return movies, pl.concat(batch.frame for batch in rating_batches)


def read_movies(folder: Path, rows: bytes) -> MovieBatch:
    """Read a movies file that is shorter than a block."""
    write_folder(folder, {"movies.csv": b"movieId,title,genres\n" + rows, "ratings.csv": RATINGS})
    with open_source(folder) as source:
        (batch,) = source.movies()
        return batch


def parse_ratings(content: bytes, separator: str = ",") -> RatingBatch:
    return parse_rating_block(Block(2, content, len(content)), "ratings.csv", separator)


def movie(movie_id: int, source_title: str, *genres: str) -> SourceMovie:
    return SourceMovie(movie_id, source_title, parse_title(source_title), genres)


def rating_frame(*rows: tuple[int, int, int, float, int]) -> pl.DataFrame:
    schema = {"line": pl.Int64, "user_id": pl.Int64, "movie_id": pl.Int64, "rating": pl.Float32, "rated_at": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


RATING_ROWS = rating_frame((2, 1, 1, 4.0, 964982703), (3, 7, 2, 0.5, 1704067199))
MOVIE_ROWS = [movie(1, "Toy Story (1995)", "Animation", "Comedy"), movie(2, "Postman, The (1994)")]


@pytest.mark.parametrize(
    "write",
    [
        write_folder,
        write_zip,
        lambda folder, files: write_zip(folder, {f"ml-small/{name}": content for name, content in files.items()}),
        lambda folder, files: write_zip(folder, {"__MACOSX/x": b"", **{f"ml/{name}": files[name] for name in files}}),
    ],
    ids=["folder", "zip", "zip with a folder", "zip with two folders"],
)
def test_a_folder_and_a_zip_give_the_same(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, {"movies.csv": MOVIES, "ratings.csv": RATINGS})

    with open_source(path) as source:
        (movies,), (ratings,) = source.movies(), source.ratings()

    assert movies == MovieBatch(MOVIE_ROWS, read=2, rejected=[], bytes_read=len(MOVIES))
    assert_frame_equal(ratings.frame, RATING_ROWS)
    assert (ratings.read, ratings.rejected, ratings.bytes_read) == (2, [], len(RATINGS))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"\r\n", b"\n"),
        lambda content: content.rstrip(b"\r\n"),
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.replace(b"userId", b'"userId"').replace(b"movieId", b'"movieId"'),
    ],
    ids=["LF", "no last line end", "byte order mark", "quoted header"],
)
def test_the_way_a_file_is_saved_makes_no_difference(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = write_folder(tmp_path, {"movies.csv": change(MOVIES), "ratings.csv": change(RATINGS)})

    movies, ratings = read_all(path)

    assert movies == MOVIE_ROWS
    assert_frame_equal(ratings, RATING_ROWS)


def test_a_source_can_be_read_twice(tmp_path: Path) -> None:
    path = write_zip(tmp_path, {"movies.csv": MOVIES, "ratings.csv": RATINGS})

    with open_source(path) as source:
        assert list(source.movies()) == list(source.movies())
        assert source.ratings_file == "ratings.csv"


def test_a_file_may_have_no_rows(tmp_path: Path) -> None:
    path = write_folder(tmp_path, {"movies.csv": MOVIES, "ratings.csv": RATINGS.partition(b"\n")[0]})

    _, ratings = read_all(path)

    assert_frame_equal(ratings, rating_frame())


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_old_files_are_split_at_double_colons(tmp_path: Path, encoding: str) -> None:
    old_movies = (OLD_MOVIES + "73::Misérables, Les (1995)::Drama\n").encode(encoding)
    path = write_folder(tmp_path, {"movies.dat": old_movies, "ratings.dat": OLD_RATINGS})

    movies, ratings = read_all(path)

    assert movies == [
        movie(1, "Toy Story (1995)", "Animation", "Comedy"),
        movie(11, "Star Wars: Episode::IV (1977)", "Sci-Fi"),
        movie(73, "Misérables, Les (1995)", "Drama"),
    ]
    assert_frame_equal(ratings, rating_frame((1, 1, 1, 4.0, 964982703), (2, 7, 11, 0.5, 1704067199)))


def test_quotation_marks_commas_and_double_genres_are_read(tmp_path: Path) -> None:
    batch = read_movies(tmp_path, b'5,"""Great"" One, The (1990)",Drama|Drama| War ||Drama\n\n9007199254740991,Z,\n')

    assert batch.movies == [movie(5, '"Great" One, The (1990)', "Drama", "War"), movie(2**53 - 1, "Z")]
    assert (batch.read, batch.rejected) == (2, [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"3,Heat (1995)", "2 fields where 3 belong; a title with a comma needs quotation marks"),
        (b"3,Postman, The,Drama", "4 fields where 3 belong; a title with a comma needs quotation marks"),
        (b"x,Heat (1995),Crime", f'movie id "x" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (b"0,Heat (1995),Crime", f'movie id "0" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (b"-3,Heat (1995),Crime", f'movie id "-3" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (b"1e3,Heat (1995),Crime", f'movie id "1e3" is not a whole number from 1 to {TOO_LARGE - 1}'),
        ("²,Heat,Crime".encode(), f'movie id "²" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (
            b"9223372036854775808,Heat,Crime",
            f'movie id "9223372036854775808" is not a whole number from 1 to {TOO_LARGE - 1}',
        ),
        (b"3,  ,Drama", "the title is empty"),
        (b"3,&#32;,Drama", "the title is empty"),
        (b"3,He\0at,Drama", "the row holds a NUL character"),
        (b"3," + b"a" * 501 + b",Drama", "the title has more than 500 characters"),
        (b'3,"Heat (1995),Crime', "not a row of CSV: unexpected end of data"),
        (b"1,Toy Story 2 (1999),Comedy", "movie id 1 was on line 2 already"),
    ],
)
def test_a_row_that_is_no_movie_is_rejected_with_its_line(tmp_path: Path, row: bytes, reason: str) -> None:
    batch = read_movies(tmp_path, b"1,Toy Story (1995),Animation\n\n" + row + b"\n8,Z (1969),Drama\n")

    assert [accepted.movie_id for accepted in batch.movies] == [1, 8]
    assert batch.rejected == [Rejected("movies.csv", 4, reason)]
    assert batch.read == 3


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1,2,3.5", "3 fields where 4 belong"),
        (b"1,2,3.5,9,9", "5 fields where 4 belong"),
        (b"1;2;3.5;9", "1 fields where 4 belong"),
        (b"x,2,3.5,9", f'user id "x" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (b",2,3.5,9", f'user id "" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (b"0,2,3.5,9", f'user id "0" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (b"1e9,2,3.5,9", f'user id "1e9" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (b"1,-2,3.5,9", f'movie id "-2" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (b"1,2.0,3.5,9", f'movie id "2.0" is not a whole number from 1 to {TOO_LARGE - 1}'),
        (
            b"1,9223372036854775808,3.5,9",
            f'movie id "9223372036854775808" is not a whole number from 1 to {TOO_LARGE - 1}',
        ),
        (b"1,2,5.7,9", "rating 5.7 is not one of 0.5, 1.0, … 5.0"),
        (b"1,2,0,9", "rating 0 is not one of 0.5, 1.0, … 5.0"),
        (b"1,2,5.5,9", "rating 5.5 is not one of 0.5, 1.0, … 5.0"),
        (b"1,2,3.50000001,9", "rating 3.50000001 is not one of 0.5, 1.0, … 5.0"),
        (b"1,2,NaN,9", "rating NaN is not one of 0.5, 1.0, … 5.0"),
        (b"1,2,good,9", "rating good is not one of 0.5, 1.0, … 5.0"),
        (b"1,2,3.5,-1", 'timestamp "-1" is not a number of seconds from 1970 until today'),
        (b"1,2,3.5,7258118400", 'timestamp "7258118400" is not a number of seconds from 1970 until today'),
        (b"1,2,3.5,2020-01-01", 'timestamp "2020-01-01" is not a number of seconds from 1970 until today'),
        (b"1,2," + b"9" * 99 + b",9", f"rating {'9' * 40} is not one of 0.5, 1.0, … 5.0"),
        (b"\xff,2,3.5,9", f'user id "\ufffd" is not a whole number from 1 to {TOO_LARGE - 1}'),
    ],
)
def test_a_row_that_is_no_rating_is_rejected_with_its_line(row: bytes, reason: str) -> None:
    batch = parse_ratings(b"1,2,3.5,9\r\n\r\n" + row + b"\n7,8,5,0\n")

    assert_frame_equal(batch.frame, rating_frame((2, 1, 2, 3.5, 9), (5, 7, 8, 5.0, 0)))
    assert batch.rejected == [Rejected("ratings.csv", 4, reason)]
    assert batch.read == 3


@pytest.mark.parametrize("bad_row", [b"", b"bad\n"], ids=["good block", "block with a bad row"])
@pytest.mark.parametrize("row", [b'"1","2","3.5","9"\n', b"1,2,3.5,9\r\n", b"001, 2,3.50, 9", b"1,2,3.5,9"])
def test_numbers_may_be_quoted_or_padded(row: bytes, bad_row: bytes) -> None:
    batch = parse_ratings(bad_row + row)

    assert batch.frame.drop("line").rows() == [(1, 2, 3.5, 9)]


def test_an_old_row_with_a_fault_is_rejected_as_a_new_one() -> None:
    batch = parse_ratings(b"1::2::3.5::9\n1::2::6::9\n1,2::3::4::5\n", separator="::")

    assert batch.frame["line"].to_list() == [2]
    assert batch.rejected == [
        Rejected("ratings.csv", 3, "rating 6 is not one of 0.5, 1.0, … 5.0"),
        Rejected("ratings.csv", 4, f'user id "1,2" is not a whole number from 1 to {TOO_LARGE - 1}'),
    ]


RATING_LINES = st.one_of(
    st.builds(
        "{},{},{},{}".format,
        st.integers(0, 3),
        st.integers(-1, TOO_LARGE),
        st.sampled_from(["0.5", "1", "5.0", "5.1", ".5", "4.", "1e0", "inf", '"2"', ""]),
        st.integers(-1, 7_258_118_400),
    ),
    st.text('1,." x'),
)


@given(st.lists(RATING_LINES, min_size=1, max_size=6))
def test_a_row_is_judged_alike_among_good_and_bad_ones(lines: list[str]) -> None:
    alone = [parse_ratings(line.encode()).frame.drop("line") for line in lines]

    together = parse_ratings("\n".join(lines).encode())

    assert_frame_equal(together.frame.drop("line"), pl.concat(alone))
    assert together.read == together.frame.height + len(together.rejected)


@given(st.binary().map(lambda noise: noise.replace(b"\x00", b"\n")), st.integers(1, 40))
def test_blocks_are_whole_lines_and_together_the_file(content: bytes, block_bytes: int) -> None:
    blocks = list(read_blocks(io.BytesIO(content), "file", block_bytes))

    assert b"".join(block.content for block in blocks) == content
    assert sum(block.size for block in blocks) == len(content)
    assert all(block.content.endswith(b"\n") for block in blocks[:-1])
    for block, next_block in itertools.pairwise(blocks):
        assert next_block.first_line == block.first_line + block.content.count(b"\n")


def test_line_numbers_run_on_over_blocks(tmp_path: Path) -> None:
    rows = b"1,2,3.5,964982703\n" * 300_000 + b"1,2,bad,9\n"
    path = write_zip(tmp_path, {"movies.csv": MOVIES, "ratings.csv": b"userId,movieId,rating,timestamp\n" + rows})

    with open_source(path) as source:
        batches = list(source.ratings())

    assert len(batches) > 1
    assert sum(batch.read for batch in batches) == 300_001
    assert [batch.rejected for batch in batches if batch.rejected] == [
        [Rejected("ratings.csv", 300_002, "rating bad is not one of 0.5, 1.0, … 5.0")]
    ]
    assert pl.concat(batch.frame["line"] for batch in batches).to_list() == list(range(2, 300_002))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds neither movies.csv and ratings.csv nor movies.dat and ratings.dat."),
        ({"movies.csv": MOVIES}, "holds neither movies.csv and ratings.csv nor movies.dat and ratings.dat."),
        ({"movies.csv": MOVIES, "ratings.csv": b""}, "ratings.csv is empty."),
        (
            {"movies.csv": b"name;price\n", "ratings.csv": RATINGS},
            'movies.csv begins with "name;price", not with the header "movieId,title,genres".',
        ),
        (
            {"movies.csv": MOVIES, "ratings.csv": MOVIES},
            'ratings.csv begins with "movieId,title,genres", not with the header "userId,movieId,rating,timestamp".',
        ),
        (
            {"movies.dat": b"1|Toy Story|1995\n", "ratings.dat": OLD_RATINGS},
            'movies.dat begins with "1|Toy Story|1995": these are not fields between "::".',
        ),
        (
            {"movies.csv": b"a" * (LONGEST_LINE_BYTES + 1), "ratings.csv": RATINGS},
            "movies.csv has a line of over 65,536 bytes, so it is no MovieLens file.",
        ),
    ],
)
@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_other_files_are_refused_with_a_sentence(
    tmp_path: Path, write: Write, files: dict[str, bytes], message: str
) -> None:
    path = write(tmp_path, files)

    with pytest.raises(SourceError) as refusal:
        open_source(path)

    assert str(refusal.value).removeprefix(f"{path} ") == message


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere does not exist\.$"):
        open_source(tmp_path / "nowhere")


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = write_folder(tmp_path, {"movies.csv": MOVIES}) / "movies.csv"

    with pytest.raises(SourceError, match=r"movies\.csv is neither a folder nor a zip\."):
        open_source(path)


def test_a_damaged_zip_is_refused_while_reading(tmp_path: Path) -> None:
    rows = b"".join(b"%d,%d,3.5,964982703\n" % (user, user * 7919 % 9973 + 1) for user in range(1, 50_000))
    path = write_zip(tmp_path, {"movies.csv": MOVIES, "ratings.csv": RATINGS + rows})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(SourceError, match=r"^ratings\.csv cannot be read: "), open_source(path) as source:
        list(source.ratings())
