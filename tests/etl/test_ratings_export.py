"""Ratings files of other sites."""

from datetime import UTC, datetime

import pytest

from server.errors import UnknownRatingsFile
from server.etl.ratings_export import read_export
from server.schemas.ratings_import import ExportedRating
from tests.support.tables import for_each

LETTERBOXD = b"""Date,Name,Year,Letterboxd URI,Rating
2021-03-04,The Matrix,1999,https://boxd.it/2a9q,4.5
2021-03-05,"Good, the Bad and the Ugly",1966,https://boxd.it/51Mk,5
2021-03-06,Solaris,1972,https://boxd.it/29uc,
"""
IMDB = b"""Const,Your Rating,Date Rated,Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres
tt0133093,9,2020-01-31,The Matrix,https://www.imdb.com/title/tt0133093/,Movie,8.7,136,1999,"Action, Sci-Fi"
tt0111161,11,2020-02-01,The Shawshank Redemption,https://www.imdb.com/title/tt0111161/,Movie,9.3,142,1994,Drama
"""
MOVIELENS = b"movieId,rating,timestamp\n296,5.0,1147880044\n"
MOVIELENS_EXPORT = b"movie_id,imdb_id,tmdb_id,rating,average_rating,title\n1,0114709,862,3.5,3.9,Toy Story (1995)\n"


def day(year: int, month: int, day_of_month: int) -> datetime:
    return datetime(year, month, day_of_month, tzinfo=UTC)


def test_letterboxd_rates_in_half_stars() -> None:
    assert read_export(LETTERBOXD) == (
        "letterboxd",
        [
            ExportedRating(2, 4.5, day(2021, 3, 4), title="The Matrix", year=1999),
            ExportedRating(3, 5.0, day(2021, 3, 5), title="Good, the Bad and the Ugly", year=1966),
            ExportedRating(4, None, day(2021, 3, 6), title="Solaris", year=1972, problem="The row has no rating."),
        ],
    )


def test_two_points_of_imdb_are_one_star() -> None:
    source, (matrix, shawshank) = read_export(IMDB)

    assert source == "imdb"
    assert matrix == ExportedRating(2, 4.5, day(2020, 1, 31), "tt0133093", title="The Matrix", year=1999)
    assert (shawshank.stars, shawshank.problem) == (None, "11 is not a rating from 1 to 10.")


def test_movielens_has_ids_and_seconds() -> None:
    assert read_export(MOVIELENS) == (
        "movielens",
        [ExportedRating(2, 5.0, datetime(2006, 5, 17, 15, 34, 4, tzinfo=UTC), movie_id=296)],
    )


def test_movielens_exports_titles_with_years() -> None:
    assert read_export(MOVIELENS_EXPORT) == (
        "movielens",
        [ExportedRating(2, 3.5, None, "tt0114709", 1, "Toy Story", 1995)],
    )


@for_each("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
@for_each("delimiter", [",", ";", "\t"])
def test_encoding_and_delimiter_are_recognised(encoding: str, delimiter: str) -> None:
    text = "Name,Year,Rating\r\nAmélie,2001,4\r\n".replace(",", delimiter)

    _, ratings = read_export(text.encode(encoding))

    assert [(rating.title, rating.year, rating.stars) for rating in ratings] == [("Amélie", 2001, 4.0)]


def test_a_line_break_in_quotes_belongs_to_the_title() -> None:
    _, ratings = read_export(b'Name,Year,Rating\n"Two\nLines",2001,4\n\nNext,2002,3\n')

    assert [(rating.line, rating.title) for rating in ratings] == [(2, "Two\nLines"), (5, "Next")]


@for_each("stars", ["0", "5.5", "0.7", "-1", "nan", "inf", "four", "1e400"])
def test_a_value_off_the_scale_is_a_problem_of_its_row(stars: str) -> None:
    _, (rating,) = read_export(f"Name,Year,Rating\nHeat,1995,{stars}\n".encode())

    assert rating.stars is None
    assert rating.problem is not None


@for_each("time", ["", "yesterday", "99999999999", "2999-01-01", "1066-10-14"])
def test_a_time_that_is_missing_unreadable_or_in_the_future_is_left_out(time: str) -> None:
    _, (rating,) = read_export(f"Date,Name,Year,Rating\n{time},Heat,1995,4\n".encode())

    assert (rating.stars, rating.rated_at) == (4.0, None)


@for_each(
    "content",
    [b"", b"\n\n", b"movieId,title,genres\n1,Heat,Crime\n", b"\x89PNG\r\n\x1a\n\0\0", b"PK\x03\x04", b"\xff\xfea"],
)
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(UnknownRatingsFile, match="Letterboxd, IMDb or MovieLens"):
        read_export(content)
