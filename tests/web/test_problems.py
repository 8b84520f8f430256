"""Every failure is answered with problem details of one shape, and a request id."""

import re

from fastapi.testclient import TestClient
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

MOVIES = "/api/rest/v1/movies"
SECRET = Exception("secret: password=hunter2")
DATABASE_ERRORS = [
    OperationalError("SELECT secret FROM users", {"secret": 1}, SECRET),
    InterfaceError("SELECT secret FROM users", {"secret": 1}, SECRET),
    PoolTimeoutError("QueuePool limit of secret reached"),
]
ANSWERS = [
    ("GET", MOVIES, 200),
    ("POST", "/api/rest/v1/user", 201),
    ("GET", "/openapi.json", 200),
    ("GET", "/docs", 200),
    ("GET", "/nowhere", 404),
    ("GET", f"{MOVIES}/8", 404),
    ("PATCH", MOVIES, 405),
    ("GET", f"{MOVIES}/x", 422),
    ("GET", "/readyz", 500),
]


@for_each(
    "path",
    [
        "/nowhere",
        "/api/rest/v1",
        f"{MOVIES}/1/nowhere",
        "/api/rest/v2/movies",
        f"{MOVIES}/",
        "/%00",
        "/ü%20%2F?q=1",
    ],
)
def test_an_unknown_route_is_a_problem(client: TestClient, path: str) -> None:
    body = assert_problem(client.get(path), 404, "not-found")

    assert body["detail"] == "This path does not exist. See /docs for all paths."


@for_each(
    ("method", "path", "allowed"),
    [
        ("POST", MOVIES, "GET, HEAD, OPTIONS"),
        ("DELETE", f"{MOVIES}/1", "GET, HEAD, OPTIONS"),
        ("GET", "/api/rest/v1/ratings", "POST, OPTIONS"),
        ("PUT", "/api/rest/v1/ratings/1", "GET, HEAD, DELETE, OPTIONS"),
        ("PATCH", "/api/rest/v1/recommendation-engine", "GET, HEAD, POST, OPTIONS"),
        ("GET", "/api/rest/v1/recommendation-engine/active-model", "PUT, OPTIONS"),
        ("POST", "/livez", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_a_problem_that_names_all_right_ones(
    client: TestClient, method: str, path: str, allowed: str
) -> None:
    response = client.request(method, path)

    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["Allow"] == allowed


def test_an_unexpected_error_is_a_500_without_internals(client: TestClient, behind: Fakes) -> None:
    behind.movies.error = RuntimeError("secret")

    response = client.get(MOVIES)

    body = assert_problem(response, 500, "internal-error")
    assert body["detail"] == (
        "An unexpected error occurred and was logged. "
        "Try again. If the error persists, report the X-Request-ID of the response."
    )
    assert "secret" not in response.text


@for_each("error", DATABASE_ERRORS)
def test_a_database_that_does_not_answer_is_a_503_that_says_when_to_try_again(
    client: TestClient, behind: Fakes, error: SQLAlchemyError
) -> None:
    behind.movies.error = error

    response = client.get(MOVIES)

    assert_problem(response, 503, "database-unavailable")
    assert response.headers["Retry-After"] == "5"
    assert "secret" not in response.text


@for_each(("method", "path", "status"), ANSWERS)
def test_every_response_has_an_id_of_its_own(
    client: TestClient, behind: Fakes, method: str, path: str, status: int
) -> None:
    behind.health.error = RuntimeError("secret")

    responses = [client.request(method, path) for _ in range(2)]

    assert [response.status_code for response in responses] == [status, status]
    ids = {response.headers["X-Request-ID"] for response in responses}
    assert len(ids) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", request_id) for request_id in ids)


@for_each(("method", "path", "status"), ANSWERS)
def test_a_clients_own_id_is_kept(client: TestClient, behind: Fakes, method: str, path: str, status: int) -> None:
    behind.health.error = RuntimeError("secret")
    sent = "Shop-7.2024_10_30" + "x" * 47

    response = client.request(method, path, headers={"X-Request-ID": sent})

    assert (response.status_code, response.headers["X-Request-ID"]) == (status, sent)


@for_each("unsafe", [b"", b" ", b"two words", b"x" * 65, b"<script>", b"a\tb", b"semi;colon", b"\xc3\xa9", b"id\xff"])
def test_an_id_that_could_harm_a_log_is_replaced(client: TestClient, unsafe: bytes) -> None:
    response = client.get("/livez", headers={b"X-Request-ID": unsafe})

    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])
