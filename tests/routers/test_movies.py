from fastapi.testclient import TestClient

from server.errors import ApiError, ArtifactError, NoActiveModel
from server.schemas.movies import BestMoviesQuery, Expansion, MovieQuery, MovieSort, SortName
from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

MOVIES = "/api/rest/v1/movies"
MATRIX = {
    "movie_id": 2571,
    "title": "The Matrix",
    "alternative_titles": ["Matrix"],
    "year": 1999,
    "genres": [{"genre_id": 1, "genre_name": "Action"}, {"genre_id": 17, "genre_name": "Sci-Fi"}],
    "avg_rating": 4.192446043165468,
    "total_ratings": 278,
    "imdb_id": "tt0133093",
    "tmdb_id": 603,
}
UNRATED = {
    "movie_id": 7,
    "title": "Babylon 5",
    "alternative_titles": [],
    "year": None,
    "genres": [],
    "avg_rating": None,
    "total_ratings": 0,
    "imdb_id": None,
    "tmdb_id": None,
}


def test_a_list_is_a_page_with_its_total(client: TestClient, behind: Fakes) -> None:
    behind.movies.total = 150

    response = client.get(MOVIES)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json() == {"movies": [UNRATED, MATRIX], "total": 150, "page": 1, "limit": 10}


def test_without_parameters_all_movies_are_asked_for_by_id(client: TestClient, behind: Fakes) -> None:
    client.get(MOVIES)

    assert behind.movies.queries == [
        MovieQuery(limit=10, page=1, search=None, genre=[], year_from=None, year_to=None, min_ratings=None, sort=None)
    ]
    assert behind.movies.queries[0].sort_name is SortName.ID


def test_every_parameter_arrives_as_a_typed_value(client: TestClient, behind: Fakes) -> None:
    client.get(
        f"{MOVIES}?search=toy+comedy&genre=Comedy&genre=Film-Noir&year_from=1990&year_to=1999"
        "&min_ratings=5&sort=-rating&page=3&limit=25&facets=true&highlight=true"
    )

    assert behind.movies.queries == [
        MovieQuery(
            limit=25,
            page=3,
            search="toy comedy",
            genre=["Comedy", "Film-Noir"],
            year_from=1990,
            year_to=1999,
            min_ratings=5,
            sort=MovieSort.RATING_DESCENDING,
            facets=True,
            highlight=True,
        )
    ]


def test_a_search_is_ordered_by_relevance_unless_asked_otherwise(client: TestClient, behind: Fakes) -> None:
    client.get(MOVIES, params={"search": "alien"})
    client.get(MOVIES, params={"search": "alien", "sort": "year"})

    assert [query.sort_name for query in behind.movies.queries] == [SortName.RELEVANCE, SortName.YEAR]


def test_a_blank_search_is_none(client: TestClient, behind: Fakes) -> None:
    client.get(MOVIES, params={"search": " \t "})

    assert [query.words for query in behind.movies.queries] == [None]


def test_one_movie_is_given_whole(client: TestClient) -> None:
    response = client.get(f"{MOVIES}/2571")

    assert (response.status_code, response.json()) == (200, MATRIX)


def test_a_movie_without_year_and_ratings_says_so_with_nulls(client: TestClient) -> None:
    response = client.get(f"{MOVIES}/7")

    assert (response.status_code, response.json()) == (200, UNRATED)


def test_the_average_is_not_rounded(client: TestClient) -> None:
    response = client.get(f"{MOVIES}/2571/avg-rating")

    assert response.status_code == 200
    assert response.json() == {
        "movie_id": 2571,
        "title": "The Matrix",
        "avg_rating": 4.192446043165468,
        "total_ratings": 278,
    }


def test_the_average_of_no_ratings_is_null(client: TestClient) -> None:
    response = client.get(f"{MOVIES}/7/avg-rating")

    assert response.json() == {"movie_id": 7, "title": "Babylon 5", "avg_rating": None, "total_ratings": 0}


def test_an_unknown_movie_is_named(client: TestClient) -> None:
    for path in ("/8", "/8/avg-rating"):
        body = assert_problem(client.get(f"{MOVIES}{path}"), 404, "movie-not-found")

        assert body["detail"] == "Movie 8 does not exist. Search for it with GET /movies."


def test_similar_movies_are_two_arrays(client: TestClient, behind: Fakes) -> None:
    response = client.get(f"{MOVIES}/7/similar")

    assert response.status_code == 200
    assert response.text == '{"movie_ids":[2571],"similarities":[0.61]}'
    assert behind.similar.queries == [BestMoviesQuery(n=10, expand=[])]


def test_similar_movies_hold_the_movies_on_request(client: TestClient, behind: Fakes) -> None:
    response = client.get(f"{MOVIES}/7/similar?n=100&expand=movies")

    assert response.json() == {"movie_ids": [2571], "similarities": [0.61], "movies": [MATRIX]}
    assert behind.similar.queries == [BestMoviesQuery(n=100, expand=[Expansion.MOVIES])]


@for_each(
    ("parameters", "pointer"),
    [("n=0", "#/query/n"), ("n=101", "#/query/n"), ("n=1.0", "#/query/n"), ("expand=genres", "#/query/expand/0")],
)
def test_similar_movies_out_of_bounds_are_refused(client: TestClient, parameters: str, pointer: str) -> None:
    body = assert_problem(client.get(f"{MOVIES}/7/similar?{parameters}"), 422, "invalid-input")

    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_nothing_is_similar_to_an_unknown_movie(client: TestClient) -> None:
    assert_problem(client.get(f"{MOVIES}/8/similar"), 404, "movie-not-found")


@for_each(
    ("error", "status", "code"),
    [
        (NoActiveModel(), 409, "no-active-model"),
        (ArtifactError("Model version 3 cannot be read."), 503, "artifact-unreadable"),
    ],
)
def test_without_a_model_that_can_be_read_nothing_is_similar(
    client: TestClient, behind: Fakes, error: ApiError, status: int, code: str
) -> None:
    behind.similar.error = error

    body = assert_problem(client.get(f"{MOVIES}/7/similar"), status, code)

    assert body["detail"].startswith(f"{error} Train ")
