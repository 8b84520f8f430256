"""What stands between the app and the network."""

import threading
import time

import anyio
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from server.app import create_app
from server.backend.config import Settings
from server.services.authorization import OpenAccess
from server.web import dependencies
from server.web.middleware.limits import BodyLimitMiddleware
from server.web.middleware.security import ReadTimeoutMiddleware
from tests.support.fakes import FakeDatabase, FakeMovieService, FakeSession
from tests.support.problem_details import assert_problem

API = "/api/rest/v1"
ORIGIN = "http://localhost:5173"
EXPOSED = "ETag, Link, Location, Retry-After, Server-Timing, WWW-Authenticate, X-Request-ID"
ANSWERS = [("GET", "/livez", 200), ("GET", "/nowhere", 404), ("PATCH", "/livez", 405), ("GET", f"{API}/movies/x", 422)]
DATA_ONLY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@pytest.fixture
def app() -> FastAPI:
    """Give an app that is never started, with nothing behind it."""
    app = create_app(Settings(_env_file=None))
    app.dependency_overrides = {
        dependencies.get_access: OpenAccess,
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
    """Give a client of an app whose every handler fails."""

    @app.get("/broken")
    def fail() -> None:
        raise RuntimeError("secret")

    return TestClient(app)


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_carries_the_headers(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.request(method, path)

    assert response.status_code == status
    assert {name: response.headers[name] for name in DATA_ONLY} == DATA_ONLY


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_a_page_of_a_known_origin_may_read_every_answer(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path, headers={"Origin": ORIGIN})

    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["Access-Control-Expose-Headers"] == EXPOSED
    assert response.headers["Vary"] == "Origin"


def test_a_500_may_be_read_too(broken: TestClient) -> None:
    response = broken.get("/broken", headers={"Origin": ORIGIN})

    assert_problem(response, 500, "internal-error")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_a_413_may_be_read_too(client: TestClient) -> None:
    response = client.post(f"{API}/ratings", content=b"x" * 65_537, headers={"Origin": ORIGIN})

    assert_problem(response, 413, "too-large")
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("origin", ["http://localhost:1234", "https://localhost:5173", "http://evil.example", "null"])
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


def run(app: ReadTimeoutMiddleware | BodyLimitMiddleware, method: str, receive: Receive) -> list[Message]:
    """Send a request to a middleware, and give what it answers."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        # Append before the checkpoint: a timeout can only interrupt a request where it suspends.
        sent.append(message)
        await anyio.lowlevel.checkpoint()

    scope = {"type": "http", "method": method, "path": "/slow", "headers": []}
    anyio.run(app, scope, receive, send)
    return sent


async def receive_nothing() -> Message:
    await anyio.lowlevel.checkpoint()
    return {"type": "http.request", "body": b"", "more_body": False}


async def answer(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def test_a_request_that_reads_and_waits_too_long_is_given_up() -> None:
    async def wait_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        await anyio.sleep_forever()

    sent = run(ReadTimeoutMiddleware(wait_for_ever, timeout_s=0.01), "GET", receive_nothing)

    assert sent[0]["status"] == 503
    assert (b"retry-after", b"5") in sent[0]["headers"]


def test_a_request_that_writes_is_never_given_up() -> None:
    async def commit_late(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await anyio.sleep(0.1)
        await answer(send)

    sent = run(ReadTimeoutMiddleware(commit_late, timeout_s=0.01), "POST", receive_nothing)

    assert [message.get("status") for message in sent] == [200, None]


def test_an_answer_that_has_begun_is_sent_to_its_end() -> None:
    async def send_slowly(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await anyio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"done"})

    sent = run(ReadTimeoutMiddleware(send_slowly, timeout_s=0.05), "GET", receive_nothing)

    assert [message.get("body") for message in sent] == [None, b"done"]


def test_a_read_that_runs_already_ends_before_it_is_given_up() -> None:
    ended = threading.Event()

    def work() -> None:
        time.sleep(0.1)
        ended.set()

    async def work_in_a_thread(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await anyio.to_thread.run_sync(work)
        await answer(send)

    sent = run(ReadTimeoutMiddleware(work_in_a_thread, timeout_s=0.01), "GET", receive_nothing)

    assert sent[0]["status"] == 503
    assert ended.is_set()


def test_a_body_that_comes_too_slowly_is_a_408() -> None:
    hasty = Settings(_env_file=None, request_timeout_s=0.01)
    sent: list[Message] = []

    async def dawdle() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": f"{API}/ratings",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"10")],
    }
    anyio.run(create_app(hasty), scope, dawdle, send)

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b'"/errors/too-slow"' in sent[1]["body"]


def test_a_client_that_stays_after_its_body_is_not_too_slow() -> None:
    messages = iter([{"type": "http.request", "body": b"x", "more_body": False}])

    async def receive_and_stay() -> Message:
        for message in messages:
            return message
        await anyio.sleep(0.1)
        return {"type": "http.disconnect"}

    async def read_and_listen(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        await answer(send)

    sent = run(BodyLimitMiddleware(read_and_listen, timeout_s=0.05), "POST", receive_and_stay)

    assert sent[0]["status"] == 200
