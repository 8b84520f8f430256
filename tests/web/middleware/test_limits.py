"""How much a request may send, and how long it may take."""

import asyncio
import threading

import anyio
from starlette.types import Message, Receive, Scope, Send

from server.app import create_app
from server.backend.config import Settings
from server.web.middleware.limits import LimitsMiddleware
from tests.support.clock import ON_A_CLOCK, pass_time
from tests.support.fake_state import FakeDatabase, FakeSession

API = "/api/rest/v1"
TIMEOUT_S = 1_000.0


def run(app: LimitsMiddleware, method: str, receive: Receive) -> list[Message]:
    """Send a request to a middleware, and return what it answers."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/slow", "headers": []}
    anyio.run(app, scope, receive, send, backend_options=ON_A_CLOCK)
    return sent


async def receive_nothing() -> Message:
    await anyio.lowlevel.checkpoint()
    return {"type": "http.request", "body": b"", "more_body": False}


async def answer(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def test_a_read_that_waits_too_long_is_answered_503() -> None:
    async def wait_for_ever(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        await pass_time(2 * TIMEOUT_S)
        await anyio.sleep_forever()

    sent = run(LimitsMiddleware(wait_for_ever, timeout_s=TIMEOUT_S), "GET", receive_nothing)

    assert sent[0]["status"] == 503
    assert (b"retry-after", b"5") in sent[0]["headers"]


def test_a_write_is_never_given_up() -> None:
    async def commit_late(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await pass_time(2 * TIMEOUT_S)
        await answer(send)

    sent = run(LimitsMiddleware(commit_late, timeout_s=TIMEOUT_S), "POST", receive_nothing)

    assert [message.get("status") for message in sent] == [200, None]


def test_a_response_that_has_begun_is_sent_to_its_end() -> None:
    async def send_slowly(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await pass_time(2 * TIMEOUT_S)
        await send({"type": "http.response.body", "body": b"done"})

    sent = run(LimitsMiddleware(send_slowly, timeout_s=TIMEOUT_S), "GET", receive_nothing)

    assert [message.get("body") for message in sent] == [None, b"done"]


def test_a_read_that_is_running_ends_before_it_is_given_up() -> None:
    ended = threading.Event()

    def work(clock: asyncio.AbstractEventLoop) -> None:
        asyncio.run_coroutine_threadsafe(pass_time(2 * TIMEOUT_S), clock).result()
        ended.set()

    async def work_in_a_thread(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await anyio.to_thread.run_sync(work, asyncio.get_running_loop())
        await answer(send)

    sent = run(LimitsMiddleware(work_in_a_thread, timeout_s=TIMEOUT_S), "GET", receive_nothing)

    assert sent[0]["status"] == 503
    assert ended.is_set()


def test_a_slow_body_is_answered_408() -> None:
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
        "state": {"database": FakeDatabase(FakeSession())},
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
        await pass_time(2 * TIMEOUT_S)
        return {"type": "http.disconnect"}

    async def read_and_listen(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        await answer(send)

    sent = run(LimitsMiddleware(read_and_listen, timeout_s=TIMEOUT_S), "POST", receive_and_stay)

    assert sent[0]["status"] == 200
