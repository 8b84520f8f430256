"""Rows that are not usable are rejected with their line and a reason, and all others are read."""

from pathlib import Path

import pytest

from server.command_errors import SourceError
from server.etl.movielens import records
from server.etl.movielens.batches import LARGEST_ID, Rejected
from server.etl.movielens.source import open_source
from tests.etl.movielens.reading import Contents, movie, read_source
from tests.support.archives import write_folder, write_zip
from tests.support.tables import for_each

NOT_AN_ID = f"is not a whole number from 1 to {LARGEST_ID}"
NOT_STARS = "is not one of 0.5, 1.0, … 5.0"
NOT_A_TIME = "is not a number of seconds or a UTC date from 1970 until today"
MOVIES_HEADER, RATINGS_HEADER = b"movieId,title,genres\n", b"userId,movieId,rating,timestamp\n"


def read(folder: Path, movies: bytes = b"", ratings: bytes = b"", **others: bytes) -> Contents:
    files = {"movies.csv": MOVIES_HEADER + movies, "ratings.csv": RATINGS_HEADER + ratings}
    return read_source(write_folder(folder, files | {f"{name}.csv": content for name, content in others.items()}))


def reasons_by_line(contents: Contents, file: str) -> dict[int, str]:
    assert {row.file for row in contents.rejected} == {file}
    return {row.line: row.reason for row in contents.rejected}


def test_rejected_movies(tmp_path: Path) -> None:
    rows = {
        b"3,Heat (1995)": "2 fields where 3 belong; a field with a separator needs quotation marks",
        b"3,Postman, The,Drama": "4 fields where 3 belong; a field with a separator needs quotation marks",
        b"x,Heat (1995),Crime": f'movie id "x" {NOT_AN_ID}',
        b"0,Heat (1995),Crime": f'movie id "0" {NOT_AN_ID}',
        b"-3,Heat (1995),Crime": f'movie id "-3" {NOT_AN_ID}',
        b"1e3,Heat (1995),Crime": f'movie id "1e3" {NOT_AN_ID}',
        b"1.5,Heat (1995),Crime": f'movie id "1.5" {NOT_AN_ID}',
        "²,Heat,Crime".encode(): f'movie id "²" {NOT_AN_ID}',
        b"9007199254740992,Heat,Crime": f'movie id "9007199254740992" {NOT_AN_ID}',
        b"3,  ,Drama": "the title is empty",
        b"3,&#32;,Drama": "the title is empty",
        b"3,He\0at,Drama": "the row contains a NUL character",
        b"3," + b"a" * 501 + b",Drama": "the title has more than 500 characters",
        b'3,"Heat (1995),Crime': "not a row of CSV: unexpected end of data",
        b'3,"He"at (1995),Crime': "not a row of CSV: ',' expected after '\"'",
        b"1,Toy Story 2 (1999),Comedy": "movie id 1 was on line 2 already",
        b"3,Heat," + b"|".join(b"g%d" % number for number in range(51)): "51 genres, but a movie has at most 50",
        b"3,Heat," + b"g" * 101: "a genre has more than 100 characters",
    }
    content = b"1,Toy Story (1995),Animation\n\n" + b"\n".join(rows) + b"\n9007199254740991,Z (1969),Drama\n"

    contents = read(tmp_path, movies=content)

    assert contents.movies == [movie(1, "Toy Story (1995)", "Animation"), movie(LARGEST_ID, "Z (1969)", "Drama")]
    assert reasons_by_line(contents, "movies.csv") == dict(enumerate(rows.values(), 4))


def test_rejected_ratings(tmp_path: Path) -> None:
    rows = {
        b"1,2,3.5": "3 fields where 4 belong; a field with a separator needs quotation marks",
        b"1,2,3.5,9,9": "5 fields where 4 belong; a field with a separator needs quotation marks",
        b"x,2,3.5,9": f'user id "x" {NOT_AN_ID}',
        b",2,3.5,9": f'user id "" {NOT_AN_ID}',
        b"0,2,3.5,9": f'user id "0" {NOT_AN_ID}',
        b"1e9,2,3.5,9": f'user id "1e9" {NOT_AN_ID}',
        b"1,-2,3.5,9": f'movie id "-2" {NOT_AN_ID}',
        b"1,2.5,3.5,9": f'movie id "2.5" {NOT_AN_ID}',
        b"1,9223372036854775808,3.5,9": f'movie id "9223372036854775808" {NOT_AN_ID}',
        b"1,2,0,9": f"rating 0 {NOT_STARS}",
        b"1,2,3.3,9": f"rating 3.3 {NOT_STARS}",
        b"1,2,3.50000001,9": f"rating 3.50000001 {NOT_STARS}",
        b"1,2,NaN,9": f"rating NaN {NOT_STARS}",
        b"1,2,inf,9": f"rating inf {NOT_STARS}",
        b"1,2,good,9": f"rating good {NOT_STARS}",
        b"1,2,3.5,-1": f'timestamp "-1" {NOT_A_TIME}',
        b"1,2,3.5,": f'timestamp "" {NOT_A_TIME}',
        b"1,2,3.5,7258118400": f'timestamp "7258118400" {NOT_A_TIME}',
        b"1,2,3.5,9.64982703E+08": f'timestamp "9.64982703E+08" {NOT_A_TIME}',
        b"1,2,3.5,2200-01-01": f'timestamp "2200-01-01" {NOT_A_TIME}',
        b"1,2,3.5,07/30/2000": f'timestamp "07/30/2000" {NOT_A_TIME}',
        b"1,2," + b"x" * 99 + b",9": f"rating {'x' * 40} {NOT_STARS}",
        b"\xff,2,3.5,9": f'user id "ÿ" {NOT_AN_ID}',
    }

    contents = read(tmp_path, ratings=b"1,2,3.5,9\r\n\r\n" + b"\n".join(rows) + b"\n7,8,5,0\n")

    assert contents.ratings == [(2, 1, 2, 3.5, 9), (4 + len(rows), 7, 8, 5.0, 0)]
    assert reasons_by_line(contents, "ratings.csv") == dict(enumerate(rows.values(), 4))


def test_rejected_links_and_tags(tmp_path: Path) -> None:
    contents = read(
        tmp_path,
        links=b"movieId,imdbId,tmdbId\nx,1,1\n2,alice,1\n2,1,zero\n2,1,1\n2,1,1\n",
        tags=b"movieId,tag\n0,funny\n1, \n1,%b\n1,funny\n" % (b"x" * 501),
    )

    assert len(contents.links) == len(contents.tags) == 1
    assert contents.rejected == [
        Rejected("links.csv", 2, f'movie id "x" {NOT_AN_ID}'),
        Rejected("links.csv", 3, 'IMDb id "alice" is not a number'),
        Rejected("links.csv", 4, f'TMDB id "zero" {NOT_AN_ID}'),
        Rejected("links.csv", 6, "movie id 2 was on line 5 already"),
        Rejected("tags.csv", 2, f'movie id "0" {NOT_AN_ID}'),
        Rejected("tags.csv", 3, "the tag is empty"),
        Rejected("tags.csv", 4, "the tag has more than 500 characters"),
    ]


def test_lines_are_counted_across_blocks(tmp_path: Path) -> None:
    rows = b"1,2,3.5,964982703\n" * 300_000 + b"1,2,bad,9\n"
    path = write_zip(tmp_path, {"movies.csv": MOVIES_HEADER, "ratings.csv": RATINGS_HEADER + rows})

    contents = read_source(path)

    assert [line for line, *_ in contents.ratings] == list(range(2, 300_002))
    assert contents.rejected == [Rejected("ratings.csv", 300_002, f"rating bad {NOT_STARS}")]


@for_each("file", ["movies", "ratings", "links", "tags"])
def test_a_file_of_bad_rows_is_given_up_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setattr(records, "MAX_REJECTED", 100)
    headers = {"links": b"movieId,imdbId,tmdbId\n", "tags": b"movieId,tag\n"}
    # Long rows, because each is rejected by itself: a block of the file then has about 2,600.
    rows = headers.get(file, b"") + (b"a" * 99 + b"\n") * 6_000

    with pytest.raises(SourceError) as refusal:
        read(tmp_path, **{file: rows})

    assert str(refusal.value).startswith(f"{file}.csv is not a MovieLens file: 2,6")
    assert "rows are not usable. Line " in str(refusal.value)


def test_a_damaged_zip_is_refused_while_reading(tmp_path: Path) -> None:
    rows = b"".join(b"%d,%d,3.5,964982703\n" % (user, user * 7919 % 9973 + 1) for user in range(1, 50_000))
    path = write_zip(tmp_path, {"movies.csv": MOVIES_HEADER, "ratings.csv": RATINGS_HEADER + rows})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(SourceError, match=r"^ratings\.csv cannot be read: "), open_source(path) as source:
        list(source.ratings())
