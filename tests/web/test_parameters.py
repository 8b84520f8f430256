"""Every route refuses unknown query parameters and compressed bodies."""

import gzip
import json

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

API = "/api/rest/v1"


@for_each(
    ("path", "message"),
    [
        ("/movies?genres=Comedy", "Unknown query parameter 'genres'. Did you mean 'genre'?"),
        ("/movies?Limit=3", "Unknown query parameter 'Limit'. Did you mean 'limit'?"),
        ("/movies/1/similar?count=3", "Unknown query parameter 'count'. Known are: expand, n."),
        ("/movies/1?expand=movies", "Unknown query parameter 'expand'. This path takes none."),
        ("/user/1/recommended-movies?exclude_sen=true", "Unknown query parameter 'exclude_sen'. Did you mean "),
        ("/movies?%C3%BC=1", "Unknown query parameter 'ü'. Known are: "),
    ],
)
def test_an_unknown_parameter_is_an_error_that_names_the_nearest_one(
    client: TestClient, path: str, message: str
) -> None:
    body = assert_problem(client.get(API + path), 422, "invalid-input")

    (error,) = body["errors"]
    assert error["pointer"].startswith("#/query/")
    assert error["message"].startswith(message)


def test_every_route_of_the_document_refuses_an_unknown_parameter(app: FastAPI, client: TestClient) -> None:
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            response = client.request(method, path.replace("{", "").replace("}", "") + "?no_such_parameter=1")

            body = assert_problem(response, 422, "invalid-input")
            assert body["errors"][0]["pointer"] == "#/query/no_such_parameter", (method, path)


def test_all_unknown_parameters_are_named(client: TestClient) -> None:
    body = assert_problem(client.get(f"{API}/movies?first=1&limit=5&second=2"), 422, "invalid-input")

    assert [error["pointer"] for error in body["errors"]] == ["#/query/first", "#/query/second"]


@for_each("encoding", ["gzip", "br", "deflate", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_refused(client: TestClient, encoding: str) -> None:
    body = gzip.compress(json.dumps({"user_id": 1, "movie_id": 1, "rating": 4.0}).encode())
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}

    problem = assert_problem(client.post(f"{API}/ratings", content=body, headers=headers), 415, "unsupported-encoding")

    assert (
        problem["detail"]
        == f"The request body has the encoding {encoding!r}. Send it uncompressed, without Content-Encoding."
    )


def test_a_body_that_is_declared_to_be_plain_is_read(client: TestClient) -> None:
    rating = {"user_id": 1, "movie_id": 1, "rating": 4.0}

    assert client.post(f"{API}/ratings", json=rating, headers={"Content-Encoding": "identity"}).status_code == 201
