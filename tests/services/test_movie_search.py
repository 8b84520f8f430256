"""Search as a part of the listing; ``tests/search`` covers the hits themselves."""

from server.schemas.movies import (
    DecadeCount,
    Facets,
    GenreCount,
    Highlights,
    MoviePage,
    MovieQuery,
    MovieSort,
    SortOrder,
    TextRange,
)
from server.services.movies import MovieService
from tests.support.builders import ids_of
from tests.support.tables import for_each, for_each_in

on_each_database = for_each_in("movie_services", "movies")

THRILLERS_BY_POPULARITY = [2, 7, 6, 9]


@on_each_database
@for_each(
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
        (MovieQuery(search="thriller", sort=MovieSort.RELEVANCE, order=SortOrder.ASCENDING), [9, 6, 7, 2]),
        (MovieQuery(search="thriller", sort=MovieSort.TITLE, min_ratings=1), [7, 2, 6]),
    ],
)
def test_a_search_combines_with_filters_and_orders(
    movies: MovieService, query: MovieQuery, expected: list[int]
) -> None:
    page = movies.list_movies(query)

    assert (ids_of(page), page.total) == (expected, len(expected))


@on_each_database
@for_each("year_from", [None, 1900])
def test_pages_of_a_search_are_contiguous(movies: MovieService, year_from: int | None) -> None:
    pages = [
        movies.list_movies(MovieQuery(search="thriller", year_from=year_from, limit=2, page=page)) for page in (1, 2, 3)
    ]

    found = [movie_id for page in pages for movie_id in ids_of(page)]
    assert found == ([2, 7, 6] if year_from else THRILLERS_BY_POPULARITY)
    assert {page.total for page in pages} == {len(found)}


@on_each_database
@for_each("search", ["", " ", "\t \n"])
def test_a_blank_search_is_ignored(movies: MovieService, search: str) -> None:
    page = movies.list_movies(MovieQuery(search=search, limit=3))

    assert (ids_of(page), page.total) == ([1, 2, 3], 12)


@on_each_database
@for_each("sort", [None, MovieSort.YEAR, MovieSort.RELEVANCE_DESCENDING])
def test_a_search_without_hits_returns_an_empty_page(movies: MovieService, sort: MovieSort | None) -> None:
    page = movies.list_movies(MovieQuery(search="zyzzyva", sort=sort))

    assert page == MoviePage(movies=[], total=0, page=1, limit=10)


@on_each_database
@for_each("search", ['"', "%", "_", "'; DROP TABLE movies; --", "NOT (a OR b)*", "\\", "\x00"])
def test_signs_of_a_query_language_are_plain_text(movies: MovieService, search: str) -> None:
    page = movies.list_movies(MovieQuery(search=search, sort=MovieSort.TITLE))

    assert page == MoviePage(movies=[], total=0, page=1, limit=10)


ALL_GENRES = {
    **{"Thriller": 4, "Action": 3, "Comedy": 3, "Drama": 3, "Sci-Fi": 3},
    **{"Adventure": 2, "Animation": 2, "Crime": 2, "Horror": 2, "Mystery": 1, "Romance": 1},
}


def facets_of(movies: MovieService, query: MovieQuery) -> tuple[dict[str, int], dict[int, int]]:
    """Return the facets of a query as numbers, in their order."""
    facets = movies.list_movies(query.model_copy(update={"facets": True})).facets
    assert facets is not None
    return (
        {genre.genre_name: genre.total_movies for genre in facets.genres},
        {decade.decade: decade.total_movies for decade in facets.decades},
    )


@on_each_database
def test_facets_count_the_whole_list(movies: MovieService) -> None:
    page = movies.list_movies(MovieQuery(search="alien", limit=1, facets=True))

    assert page.total == 2
    assert page.facets == Facets(
        genres=[
            GenreCount(genre_id=7, genre_name="Horror", total_movies=2),
            GenreCount(genre_id=5, genre_name="Sci-Fi", total_movies=2),
            GenreCount(genre_id=4, genre_name="Action", total_movies=1),
        ],
        decades=[DecadeCount(decade=1970, total_movies=1), DecadeCount(decade=1980, total_movies=1)],
    )


@on_each_database
@for_each(
    ("query", "genres", "decades"),
    [
        (
            MovieQuery(),
            ALL_GENRES,
            {1970: 1, 1980: 1, 1990: 6, 2000: 2},
        ),
        # Each facet ignores its own filter, so that a page can offer the other genres and decades.
        (MovieQuery(genre=["crime"]), ALL_GENRES, {1990: 1, 2000: 1}),
        (
            MovieQuery(genre=["crime"], year_from=2000),
            {"Comedy": 1, "Crime": 1, "Drama": 1, "Romance": 1},
            {1990: 1, 2000: 1},
        ),
        (
            MovieQuery(min_ratings=3),
            {"Action": 1, "Adventure": 1, "Animation": 1, "Comedy": 1, "Sci-Fi": 1, "Thriller": 1},
            {1990: 2},
        ),
        (
            MovieQuery(search="thriller", year_to=1995),
            {"Thriller": 2, "Action": 1, "Crime": 1, "Mystery": 1},
            {1990: 3},
        ),
        (MovieQuery(search="zyzzyva"), {}, {}),
    ],
)
def test_facets_combine_with_search_and_filters(
    movies: MovieService, query: MovieQuery, genres: dict[str, int], decades: dict[int, int]
) -> None:
    counted_genres, counted_decades = facets_of(movies, query)

    assert list(counted_genres.items()) == list(genres.items())
    assert list(counted_decades.items()) == list(decades.items())


@on_each_database
def test_highlights_are_the_ranges_of_matching_characters(movies: MovieService) -> None:
    page = movies.list_movies(MovieQuery(search="amel", highlight=True))

    assert [movie.highlights for movie in page.movies] == [
        Highlights(title=[TextRange(start=0, end=4)], alternative_titles=[[TextRange(start=21, end=25)]])
    ]


@on_each_database
@for_each("query", [MovieQuery(search="crime"), MovieQuery()])
def test_highlights_are_empty_without_a_match_in_a_title(movies: MovieService, query: MovieQuery) -> None:
    page = movies.list_movies(query.model_copy(update={"highlight": True, "genre": ["Crime"]}))

    assert [movie.highlights for movie in page.movies] == [
        Highlights(title=[], alternative_titles=[[] for _ in movie.alternative_titles]) for movie in page.movies
    ]


@on_each_database
def test_optional_fields_are_omitted_unless_requested(movies: MovieService) -> None:
    page = movies.list_movies(MovieQuery(search="alien"))

    assert page.model_dump().keys() == {"movies", "total", "page", "limit"}
    assert "highlights" not in page.movies[0].model_dump()


@on_each_database
@for_each(("search", "movie_ids"), [("matrxi", [2]), ("postamn", [12]), ("90s comedy", [1, 11])])
def test_a_search_allows_typos_and_synonyms(movies: MovieService, search: str, movie_ids: list[int]) -> None:
    assert ids_of(movies.list_movies(MovieQuery(search=search))) == movie_ids


@on_each_database
@for_each(
    ("search", "corrected"), [("matrxi", "matrix"), ("The Postamn", "the postman"), ("matrix", None), ("zyzzyva", None)]
)
def test_the_corrected_search_is_reported_if_the_first_hit_has_typos(
    movies: MovieService, search: str, corrected: str | None
) -> None:
    page = movies.list_movies(MovieQuery(search=search, sort=MovieSort.TITLE))

    assert page.corrected_search == corrected
    assert ("corrected_search" in page.model_dump()) == (corrected is not None)
