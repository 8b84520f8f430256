"""One request, one transaction, committed before the response is sent."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.web.dependencies import acquire_write_slot
from tests.support.fake_state import FakeDatabase, FakeLimits
from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

Call = tuple[str, str, dict[str, Any] | None]

API = "/api/rest/v1"
RATE: Call = ("POST", f"{API}/ratings", {"user_id": 1, "movie_id": 1, "rating": 2.0})
TRAIN: Call = ("POST", f"{API}/recommendation-engine", None)
ACTIVATE: Call = ("PUT", f"{API}/recommendation-engine/active-model", {"version": 3})
CREATE_USER: Call = ("POST", f"{API}/user", None)
WRITES = [RATE, TRAIN, ACTIVATE, CREATE_USER]
READS: list[Call] = [
    ("GET", path, None)
    for path in (
        f"{API}/movies/7/similar",
        f"{API}/movies/1/tags",
        f"{API}/genres",
        f"{API}/user/1/ratings",
        f"{API}/user/1/recommended-movies",
        f"{API}/recommendation-engine",
        f"{API}/recommendation-engine/runs/4",
        f"{API}/recommendation-engine/models",
        f"{API}/recommendation-engine/models/3",
        "/readyz",
    )
]


def noting_responses(app: ASGIApp, note: Callable[[str], None]) -> ASGIApp:
    """Wrap an app so that the first byte of each response is noted."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                note("response")
            await send(message)

        await app(scope, receive, send_and_note)

    return noting


@pytest.fixture
def client(app: FastAPI, behind: Fakes) -> TestClient:
    client = TestClient(noting_responses(app, behind.session.events.append))
    client.app_state.update(behind.state())
    return client


@for_each("call", WRITES + READS)
def test_a_request_is_committed_once_before_its_response(client: TestClient, behind: Fakes, call: Call) -> None:
    method, path, body = call
    behind.session.events.clear()

    response = client.request(method, path, json=body)

    assert response.is_success
    assert behind.session.events == ["commit", "close", "response"]


def test_a_deletion_is_committed_once_before_its_response(client: TestClient, behind: Fakes) -> None:
    method, path, body = RATE
    location = client.request(method, path, json=body).headers["Location"]
    behind.session.events.clear()

    response = client.delete(location)

    assert response.status_code == 204
    assert behind.session.events == ["commit", "close", "response"]


@for_each("call", WRITES)
def test_a_failed_commit_is_never_a_success(client: TestClient, behind: Fakes, call: Call) -> None:
    method, path, body = call
    behind.session.events.clear()
    behind.session.commit_error = OperationalError("COMMIT", {}, Exception("disk full"))

    response = client.request(method, path, json=body)

    assert_problem(response, 503, "database-unavailable")
    assert "Location" not in response.headers
    assert behind.session.events == ["commit", "close", "response"]


@for_each("call", WRITES)
def test_a_constraint_found_at_the_commit_is_never_a_success(client: TestClient, behind: Fakes, call: Call) -> None:
    method, path, body = call
    behind.session.commit_error = IntegrityError("COMMIT", {}, Exception("duplicate key"))

    assert_problem(client.request(method, path, json=body), 409, "conflict")


def test_nothing_runs_after_a_failed_commit(client: TestClient, behind: Fakes) -> None:
    behind.session.commit_error = OperationalError("COMMIT", {}, Exception("disk full"))

    for method, path, body in (TRAIN, ACTIVATE):
        client.request(method, path, json=body)

    assert (behind.supervisor.calls, behind.live_model.refreshes) == (0, 0)


@for_each("path", [f"{API}/user/9/ratings", f"{API}/recommendation-engine/runs/9"])
def test_an_error_in_a_handler_commits_nothing(client: TestClient, behind: Fakes, path: str) -> None:
    behind.session.events.clear()

    response = client.get(path)

    assert response.status_code == 404
    assert behind.session.events == ["close", "response"]


def test_an_unexpected_error_in_a_handler_commits_nothing(client: TestClient, behind: Fakes) -> None:
    behind.similar.error = RuntimeError("secret")

    response = client.get(f"{API}/movies/7/similar")

    assert response.status_code == 500
    assert behind.session.events == ["close", "response"]


@for_each("path", [f"{API}/movies", f"{API}/movies/7", f"{API}/movies/7/avg-rating"])
def test_a_hot_read_opens_no_session(client: TestClient, behind: Fakes, path: str) -> None:
    behind.session.events.clear()

    assert client.get(path).status_code == 200
    assert behind.session.events == ["response"]


def test_writers_wait_for_a_free_slot_for_a_limited_time(app: FastAPI, client: TestClient, behind: Fakes) -> None:
    del app.dependency_overrides[acquire_write_slot]
    client.app_state.update(
        database=FakeDatabase(behind.session),
        limits=FakeLimits(),
        write_semaphore=anyio.Semaphore(0),
        write_slot_timeout_s=0.01,
    )
    method, path, body = RATE

    written, read = client.request(method, path, json=body), client.get(f"{API}/movies")

    assert_problem(written, 503, "too-many-writes")
    assert written.headers["Retry-After"] == "5"
    assert read.status_code == 200
    assert behind.ratings.ratings == {}


def test_malformed_input_does_not_reach_the_database(client: TestClient, behind: Fakes) -> None:
    response = client.post(f"{API}/ratings", json={})

    assert response.status_code == 422
    assert behind.session.events == ["response"]
