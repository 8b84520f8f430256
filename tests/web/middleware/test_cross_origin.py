"""Refused preflight requests of browsers: who may call the API is up to the operator."""

import logging

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.support.problem_details import assert_problem

MOVIES = "/api/rest/v1/movies"


def preflight(client: TestClient, origin: str, method: str = "GET") -> Response:
    return client.options(MOVIES, headers={"Origin": origin, "Access-Control-Request-Method": method})


def test_a_refused_origin_is_a_problem_that_names_it_and_the_setting(client: TestClient) -> None:
    body = assert_problem(preflight(client, "https://films.example"), 400, "cross-origin-refused")

    assert body["detail"] == (
        "The origin https://films.example may not call this API. "
        "The setting MATINEE_CORS_ORIGINS lists the allowed origins."
    )


def test_a_refused_method_is_a_problem(client: TestClient) -> None:
    body = assert_problem(preflight(client, "http://localhost:5173", "PATCH"), 400, "cross-origin-refused")

    assert body["detail"].startswith("The origin http://localhost:5173 may not use the method PATCH.")


def test_an_allowed_origin_passes(client: TestClient) -> None:
    response = preflight(client, "http://localhost:5173")

    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, "http://localhost:5173")


def test_a_preflight_request_of_the_own_origin_is_one_for_the_methods(client: TestClient) -> None:
    response = preflight(client, "http://testserver")

    assert (response.status_code, response.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


def test_a_refused_origin_is_logged_once(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for origin in ("https://a.example", "https://b.example", "https://a.example"):
            preflight(client, origin)
        for origin in ("https://c.example", "https://a.example", "http://testserver", "http://localhost:5173"):
            assert client.get(MOVIES, headers={"Origin": origin}).status_code == 200

    assert [record.message for record in caplog.records if "origin" in record.message] == [
        f"refused the origin {origin!r}; to allow it, add it to MATINEE_CORS_ORIGINS"
        for origin in ("https://a.example", "https://b.example", "https://c.example")
    ]
