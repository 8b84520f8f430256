import itertools

import pytest
from sqlalchemy.orm import Session

from server.errors import InvalidField, MovieNotFound, UserNotFound
from server.schemas.movies import AverageRating, Genre, GenreMatch, Movie, MoviePage, MovieQuery, MovieSort, SortOrder
from server.services.movies import MovieDataManager, MovieService
from tests.support.builders import ids_of
from tests.support.tables import for_each, for_each_in

on_each_database = for_each_in("movie_services", "movies")

TOY_STORY = Movie(
    movie_id=1,
    title="Toy Story",
    alternative_titles=[],
    year=1995,
    genres=[
        Genre(genre_id=1, genre_name="Adventure"),
        Genre(genre_id=2, genre_name="Animation"),
        Genre(genre_id=3, genre_name="Comedy"),
    ],
    avg_rating=12.5 / 3,
    total_ratings=3,
    imdb_id=None,
    tmdb_id=None,
)
BABYLON_5 = Movie(
    movie_id=8,
    title="Babylon 5",
    alternative_titles=[],
    year=None,
    genres=[],
    avg_rating=None,
    total_ratings=0,
    imdb_id=None,
    tmdb_id=None,
)
ORDERS = {
    "id": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    "-id": [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
    "title": [3, 4, 10, 8, 5, 7, 2, 9, 12, 6, 1, 11],
    "-title": [11, 1, 6, 12, 9, 2, 7, 5, 8, 10, 4, 3],
    "year": [3, 4, 1, 6, 7, 12, 2, 11, 10, 5, 8, 9],
    "-year": [5, 10, 2, 11, 12, 1, 6, 7, 4, 3, 8, 9],
    "popularity": [2, 1, 3, 5, 7, 4, 6, 11, 8, 9, 10, 12],
    "-popularity": [2, 1, 3, 5, 7, 4, 6, 11, 8, 9, 10, 12],
    # Heat and Aliens have the same mean: the one that more people have rated comes first.
    "rating": [5, 2, 3, 1, 7, 4, 11, 6, 8, 9, 10, 12],
    "-rating": [5, 2, 3, 1, 7, 4, 11, 6, 8, 9, 10, 12],
    # Below the mean of all ratings, more ratings are worse.
    "top_rated": [2, 5, 3, 1, 4, 7, 11, 6, 8, 9, 10, 12],
    "-top_rated": [2, 5, 3, 1, 4, 7, 11, 6, 8, 9, 10, 12],
    # Without a search nothing is more relevant than the rest.
    "relevance": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    "-relevance": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
}
ASCENDING = {
    "popularity": [8, 9, 10, 12, 4, 6, 11, 3, 5, 7, 1, 2],
    "rating": [6, 11, 4, 7, 1, 3, 2, 5, 8, 9, 10, 12],
    "year": ORDERS["year"],
    "id": ORDERS["id"],
}


def read_in_pages(movies: MovieService, query: MovieQuery) -> list[int]:
    """Go through the pages of a query until one is empty."""
    pages = (movies.list_movies(query.model_copy(update={"page": number})) for number in itertools.count(1))
    return list(itertools.chain.from_iterable(itertools.takewhile(bool, map(ids_of, pages))))


@on_each_database
def test_a_page_holds_whole_movies_and_the_total(movies: MovieService) -> None:
    page = movies.list_movies(MovieQuery(genre=["Animation"], limit=1))

    assert page == MoviePage(movies=[TOY_STORY], total=2, page=1, limit=1)


@on_each_database
def test_a_movie_may_lack_year_genres_and_ratings(movies: MovieService) -> None:
    assert movies.get_movie(8) == BABYLON_5


@on_each_database
def test_a_movie_has_its_alternative_titles_in_order(movies: MovieService) -> None:
    assert movies.get_movie(10).alternative_titles == ["Le Fabuleux destin d'Amélie Poulain"]
    assert movies.get_movie(6).alternative_titles == ["Se7en"]


@on_each_database
def test_every_order_is_total_and_its_pages_join_without_gap(movies: MovieService) -> None:
    orders = {sort.value: read_in_pages(movies, MovieQuery(sort=sort, limit=5)) for sort in MovieSort}

    assert orders == ORDERS


@on_each_database
@for_each("sort", ASCENDING)
def test_an_order_can_be_asked_for_the_lowest_first(movies: MovieService, sort: str) -> None:
    assert read_in_pages(movies, MovieQuery(sort=MovieSort(sort), order=SortOrder.ASCENDING)) == ASCENDING[sort]


@on_each_database
@for_each("sort", ["year", "title", "id"])
def test_an_order_can_be_asked_for_the_highest_first(movies: MovieService, sort: str) -> None:
    query = MovieQuery(sort=MovieSort(sort), order=SortOrder.DESCENDING)

    assert read_in_pages(movies, query) == ORDERS[f"-{sort}"]


@on_each_database
def test_the_default_order_without_a_search_is_the_id(movies: MovieService) -> None:
    assert ids_of(movies.list_movies(MovieQuery(limit=4))) == [1, 2, 3, 4]


@on_each_database
def test_a_page_past_the_end_is_empty_and_knows_the_total(movies: MovieService) -> None:
    page = movies.list_movies(MovieQuery(page=1_000_000, limit=100))

    assert page == MoviePage(movies=[], total=12, page=1_000_000, limit=100)


@on_each_database
@for_each(
    ("query", "expected"),
    [
        (MovieQuery(genre=["Sci-Fi"]), [2, 3, 4]),
        (MovieQuery(genre=["Sci-Fi", "Action"]), [2, 4]),
        (MovieQuery(genre=["sci-FI"]), [2, 3, 4]),
        (MovieQuery(genre=["sci-fi", "Sci-Fi"]), [2, 3, 4]),
        (MovieQuery(genre=["Sci-Fi", "Action"], genre_match=GenreMatch.ANY), [2, 3, 4, 7]),
        (MovieQuery(genre=["5"]), [2, 3, 4]),
        (MovieQuery(movie_id=[7, 999, 2, 7]), [7, 2]),
        (MovieQuery(movie_id=[7, 2, 1], genre=["Thriller"], sort=MovieSort.ID), [2, 7]),
        (MovieQuery(movie_id=[8, 1], min_ratings=1), [1]),
        (MovieQuery(year_from=1999), [2, 5, 10, 11]),
        (MovieQuery(year_to=1986), [3, 4]),
        (MovieQuery(year_from=1995, year_to=1997), [1, 6, 7, 12]),
        (MovieQuery(min_ratings=3), [1, 2]),
        (MovieQuery(min_ratings=0, limit=100), ORDERS["id"]),
        (MovieQuery(genre=["Thriller"], year_from=1995, year_to=1999, min_ratings=2), [2, 7]),
    ],
)
def test_a_filter_keeps_what_fits(movies: MovieService, query: MovieQuery, expected: list[int]) -> None:
    page = movies.list_movies(query)

    assert (ids_of(page), page.total) == (expected, len(expected))


@on_each_database
def test_a_filter_and_an_order_go_together(movies: MovieService) -> None:
    query = MovieQuery(genre=["Thriller"], sort=MovieSort.YEAR_DESCENDING, limit=3)

    page = movies.list_movies(query)

    assert (ids_of(page), page.total) == ([2, 6, 7], 4)


@on_each_database
def test_the_ratings_of_a_user_are_added(movies: MovieService) -> None:
    page = movies.list_movies(MovieQuery(user_id=1, movie_id=[1, 2, 12]))

    assert [movie.user_rating for movie in page.movies] == [4.0, 5.0, None]
    assert "user_rating" not in page.movies[2].model_dump()


@on_each_database
def test_the_ratings_of_an_unknown_user_are_an_error(movies: MovieService) -> None:
    with pytest.raises(UserNotFound, match="999"):
        movies.list_movies(MovieQuery(user_id=999))


@on_each_database
def test_an_unknown_tag_is_an_error(movies: MovieService) -> None:
    with pytest.raises(InvalidField, match="Unknown tag 'pixar'"):
        movies.list_movies(MovieQuery(tag=["pixar"]))


@on_each_database
def test_an_average_is_the_exact_mean(movies: MovieService) -> None:
    assert movies.get_average_rating(1) == AverageRating(
        movie_id=1, title="Toy Story", avg_rating=12.5 / 3, total_ratings=3
    )


@on_each_database
def test_a_movie_without_ratings_has_no_average(movies: MovieService) -> None:
    assert movies.get_average_rating(12) == AverageRating(
        movie_id=12, title="The Postman", avg_rating=None, total_ratings=0, imdb_id=None, tmdb_id=None
    )


@on_each_database
@for_each("movie_id", [13, 2**53 - 1])
def test_an_unknown_movie_is_not_found(movies: MovieService, movie_id: int) -> None:
    with pytest.raises(MovieNotFound, match=str(movie_id)):
        movies.get_movie(movie_id)
    with pytest.raises(MovieNotFound, match=str(movie_id)):
        movies.get_average_rating(movie_id)


@pytest.mark.usefixtures("catalogue")
def test_any_number_of_ids_can_be_set_against_the_catalogue(session: Session) -> None:
    known = range(4, 100_001)

    assert MovieDataManager(session).list_unknown_to(known, 2) == [2, 1]
    assert MovieDataManager(session).list_unknown_to([1, 2], 10) == [3, 5, 7, 4, 6, 11, 8, 9, 10, 12]
