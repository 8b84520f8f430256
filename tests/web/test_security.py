"""Headers that keep a browser from misusing a response, and CORS."""

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from server.services.authorization import OpenAccess
from server.web import dependencies
from tests.support.fake_state import FakeDatabase, FakeSession
from tests.support.fakes import FakeMovieService
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

API = "/api/rest/v1"
ORIGIN = "http://localhost:5173"
EXPOSED = "ETag, Link, Location, Retry-After, Server-Timing, WWW-Authenticate, X-Model-Version, X-Request-ID"
ANSWERS = [("GET", "/livez", 200), ("GET", "/nowhere", 404), ("PATCH", "/livez", 405), ("GET", f"{API}/movies/x", 422)]
DATA_ONLY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@pytest.fixture
def app() -> FastAPI:
    """An app that is never started."""
    app = create_app(Settings(_env_file=None))
    app.dependency_overrides = {
        dependencies.get_access: OpenAccess,
        dependencies.get_optional_access: OpenAccess,
        dependencies.get_movie_service: FakeMovieService,
    }
    return app


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    client = TestClient(app)
    client.app_state["database"] = FakeDatabase(FakeSession())
    return client


@pytest.fixture
def broken(app: FastAPI) -> TestClient:
    """A client of an app whose handlers all fail."""

    @app.get("/broken")
    def fail() -> None:
        raise RuntimeError("secret")

    return TestClient(app)


@for_each(("method", "path", "status"), ANSWERS)
def test_every_answer_carries_the_headers(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.request(method, path)

    assert response.status_code == status
    assert {name: response.headers[name] for name in DATA_ONLY} == DATA_ONLY


@for_each(("method", "path", "status"), ANSWERS)
def test_a_page_of_a_known_origin_may_read_every_answer(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path, headers={"Origin": ORIGIN})

    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Expose-Headers"] == EXPOSED
    assert response.headers["Vary"].split(", ")[:2] == ["Accept-Encoding", "Origin"]


def test_a_500_may_be_read_too(broken: TestClient) -> None:
    response = broken.get("/broken", headers={"Origin": ORIGIN})

    assert_problem(response, 500, "internal-error")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_a_413_may_be_read_too(client: TestClient) -> None:
    response = client.post(f"{API}/ratings", content=b"x" * 65_537, headers={"Origin": ORIGIN})

    assert_problem(response, 413, "too-large")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


@for_each("origin", ["http://localhost:1234", "https://localhost:5173", "http://evil.example", "null"])
def test_a_page_of_another_origin_may_not(client: TestClient, origin: str) -> None:
    assert "Access-Control-Allow-Origin" not in client.get("/livez", headers={"Origin": origin}).headers


def test_every_route_may_be_asked_for_before_it_is_called(app: FastAPI, client: TestClient) -> None:
    routes = [
        (method, context.path)
        for context in iter_route_contexts(app.routes)
        for method in context.methods or ()
        if context.path is not None
    ]

    answers = {
        client.options(
            path,
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization, content-type, x-request-id",
            },
        ).status_code
        for method, path in routes
    }

    assert len(routes) > 20
    assert answers == {200}


def test_the_answer_to_such_a_question_names_methods_and_headers(client: TestClient) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization",
    }

    response = client.options(f"{API}/ratings/1", headers=asked)

    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Allow-Methods"] == "GET, HEAD, POST, PUT, DELETE"
    assert response.headers["Access-Control-Allow-Headers"] == "authorization"
    assert response.headers["Cache-Control"] == "no-store"
    assert "X-Request-ID" in response.headers


def test_origins_are_a_setting() -> None:
    client = TestClient(create_app(Settings(_env_file=None, cors_origins="https://films.example https://b.example")))

    allowed = [
        client.get("/livez", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")
        for origin in ("https://films.example", "https://b.example", ORIGIN)
    ]

    assert allowed == ["https://films.example", "https://b.example", None]
