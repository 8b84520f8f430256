"""Properties of every list, and the bounds of the movies' filters."""

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

MOVIES = "/api/rest/v1/movies"
LISTS = [MOVIES, "/api/rest/v1/genres", "/api/rest/v1/user/1/ratings", "/api/rest/v1/recommendation-engine/models"]


@for_each("path", LISTS)
@for_each("parameter", ["limit=101", "page=1000001"])
def test_a_parameter_past_its_bound_is_refused_not_clamped(client: TestClient, path: str, parameter: str) -> None:
    body = assert_problem(client.get(f"{path}?{parameter}"), 422, "invalid-input")

    name, bound = parameter.split("=")
    assert body["errors"] == [
        {"pointer": f"#/query/{name}", "message": f"Input should be less than or equal to {int(bound) - 1}"}
    ]
    assert (
        body["detail"]
        == f"The request is not valid: #/query/{name}. Correct the fields in errors and send the request again."
    )


@for_each("query", ["limit=0", "limit=ten", "page=0", "page=1.0", "page="])
def test_a_page_is_asked_for_with_positive_whole_numbers(client: TestClient, query: str) -> None:
    body = assert_problem(client.get(f"{MOVIES}?{query}"), 422, "invalid-input")

    assert [error["pointer"] for error in body["errors"]] == [f"#/query/{query.partition('=')[0]}"]


@for_each("path", LISTS)
def test_the_bounds_themselves_are_taken(client: TestClient, path: str) -> None:
    response = client.get(f"{path}?limit=100&page=1000000")

    assert response.status_code == 200
    assert (response.json()["limit"], response.json()["page"]) == (100, 1_000_000)


def test_every_page_of_a_list_has_links(app: FastAPI, client: TestClient) -> None:
    paged = [
        route
        for context in iter_route_contexts(app.routes)
        if isinstance(route := context.original_route, APIRoute)
        and getattr(route.response_model, "model_fields", {}).keys() >= {"total", "page", "limit"}
    ]

    assert len(paged) >= len(LISTS)
    for route in paged:
        response = client.get(route.path.format(movie_id=1, user_id=1))
        assert 'rel="first"' in response.headers["Link"], route.path
        assert "Link" in route.responses[200]["headers"], route.path


def test_a_page_in_the_middle_links_to_its_neighbours_and_both_ends(client: TestClient, behind: Fakes) -> None:
    behind.movies.total = 95

    response = client.get(f"{MOVIES}?search=toy+%26+story&limit=10&page=3")

    other = "/api/rest/v1/movies?search=toy+%26+story&limit=10&page="
    assert response.headers["Link"] == (
        f'<{other}1>; rel="first", <{other}2>; rel="prev", <{other}4>; rel="next", <{other}10>; rel="last"'
    )


@for_each(
    ("total", "page", "links"),
    [
        (0, 1, {"first": 1, "last": 1}),
        (10, 1, {"first": 1, "last": 1}),
        (11, 1, {"first": 1, "next": 2, "last": 2}),
        (11, 2, {"first": 1, "prev": 1, "last": 2}),
        (11, 7, {"first": 1, "prev": 2, "last": 2}),
        (0, 7, {"first": 1, "prev": 1, "last": 1}),
    ],
)
def test_links_lead_only_to_pages_there_are(
    client: TestClient, behind: Fakes, total: int, page: int, links: dict[str, int]
) -> None:
    behind.movies.total = total

    response = client.get(f"{MOVIES}?page={page}")

    assert {name: link["url"] for name, link in response.links.items()} == {
        name: f"/api/rest/v1/movies?page={number}" for name, number in links.items()
    }


@for_each(
    ("query", "pointer"),
    [
        ("search=" + "a" * 201, "#/query/search"),
        ("genre=" + "&genre=".join("abcdefghijklmnopqrstu"), "#/query/genre"),
        ("year_from=10000", "#/query/year_from"),
        ("year_from=-1", "#/query/year_from"),
        ("year_to=1999.0", "#/query/year_to"),
        ("year_from=2000&year_to=1999", "#/query/year_to"),
        ("min_ratings=-1", "#/query/min_ratings"),
        (f"min_ratings={2**53}", "#/query/min_ratings"),
        ("sort=length", "#/query/sort"),
        ("sort=--id", "#/query/sort"),
        ("sort=-year&order=asc", "#/query/order"),
        ("order=up", "#/query/order"),
        ("genre_match=some", "#/query/genre_match"),
        ("movie_id=1&movie_id=x", "#/query/movie_id/1"),
        ("movie_id=" + "&movie_id=".join("1" * 101), "#/query/movie_id"),
        ("sort=", "#/query/sort"),
    ],
)
def test_a_filter_out_of_bounds_is_refused(client: TestClient, query: str, pointer: str) -> None:
    body = assert_problem(client.get(f"{MOVIES}?{query}"), 422, "invalid-input")

    assert [error["pointer"] for error in body["errors"]] == [pointer]


def test_the_longest_search_is_counted_in_characters(client: TestClient, behind: Fakes) -> None:
    longest = "ß🎬" * 100

    response = client.get(MOVIES, params={"search": longest})

    assert response.status_code == 200
    assert behind.movies.queries[0].search == longest


def test_all_that_is_wrong_is_named_at_once(client: TestClient) -> None:
    body = assert_problem(client.get(f"{MOVIES}?limit=0&page=x&sort=length"), 422, "invalid-input")

    assert body["errors"] == [
        {"pointer": "#/query/limit", "message": "Input should be greater than or equal to 1"},
        {"pointer": "#/query/page", "message": "is not a whole number written in digits"},
        {
            "pointer": "#/query/sort",
            "message": (
                "Input should be 'relevance', 'popularity', 'rating', 'top_rated', 'year', 'title', 'id', "
                "'-relevance', '-popularity', '-rating', '-top_rated', '-year', '-title' or '-id'"
            ),
        },
    ]
