"""The search as part of a listing; what a search finds is the subject of ``tests/search``."""

import pytest

from server.schemas.movies import MoviePage, MovieQuery, MovieSort
from server.services.movies import MovieService
from tests.services.builders import ids_of

THRILLERS_BY_POPULARITY = [2, 7, 6, 9]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (MovieQuery(search="thriller"), THRILLERS_BY_POPULARITY),
        (MovieQuery(search="Toy Story"), [1, 11]),
        (MovieQuery(search="cidade"), [5]),
        (MovieQuery(search="thriller", year_from=1995, year_to=1995), [7, 6]),
        (MovieQuery(search="thriller", genre=["crime"]), [7]),
        (MovieQuery(search="thriller", min_ratings=1), [2, 7, 6]),
        (MovieQuery(search="thriller", sort=MovieSort.YEAR), [6, 7, 2, 9]),
        (MovieQuery(search="thriller", sort=MovieSort.RATING), [2, 7, 6, 9]),
        (MovieQuery(search="thriller", sort=MovieSort.RELEVANCE), THRILLERS_BY_POPULARITY),
        (MovieQuery(search="thriller", sort=MovieSort.RELEVANCE_REVERSED), [9, 6, 7, 2]),
        (MovieQuery(search="thriller", sort=MovieSort.TITLE, min_ratings=1), [7, 2, 6]),
    ],
    ids=str,
)
def test_a_search_goes_with_filters_and_orders(movies: MovieService, query: MovieQuery, expected: list[int]) -> None:
    page = movies.list_movies(query)

    assert (ids_of(page), page.total) == (expected, len(expected))


@pytest.mark.parametrize("year_from", [None, 1900])
def test_pages_of_a_search_join_without_gap(movies: MovieService, year_from: int | None) -> None:
    pages = [
        movies.list_movies(MovieQuery(search="thriller", year_from=year_from, limit=2, page=page)) for page in (1, 2, 3)
    ]

    found = [movie_id for page in pages for movie_id in ids_of(page)]
    assert found == ([2, 7, 6] if year_from else THRILLERS_BY_POPULARITY)
    assert {page.total for page in pages} == {len(found)}


@pytest.mark.parametrize("search", ["", " ", "\t \n"])
def test_a_blank_search_is_none(movies: MovieService, search: str) -> None:
    page = movies.list_movies(MovieQuery(search=search, limit=3))

    assert (ids_of(page), page.total) == ([1, 2, 3], 12)


@pytest.mark.parametrize("sort", [None, MovieSort.YEAR, MovieSort.RELEVANCE_REVERSED])
def test_a_search_that_finds_nothing_gives_an_empty_page(movies: MovieService, sort: MovieSort | None) -> None:
    page = movies.list_movies(MovieQuery(search="zyzzyva", sort=sort))

    assert page == MoviePage(movies=[], total=0, page=1, limit=10)


@pytest.mark.parametrize("search", ['"', "%", "_", "'; DROP TABLE movies; --", "NOT (a OR b)*", "\\", "\x00"])
def test_signs_of_a_query_language_are_plain_text(movies: MovieService, search: str) -> None:
    page = movies.list_movies(MovieQuery(search=search, sort=MovieSort.TITLE))

    assert page == MoviePage(movies=[], total=0, page=1, limit=10)
