"""Around every request: its id, a limit to its body, and an answer for what nobody expected."""

import logging
import math
import re
import secrets

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.backend.logging import request_id
from server.web.problems import internal_error

logger = logging.getLogger(__name__)

# A client's own id is taken over when it is harmless in a log line.
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

MAX_BODY_BYTES = 64 * 1024


class RequestIdMiddleware:
    """Gives every response an ``X-Request-ID``, the client's own if it sent one, and every log line the same."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("x-request-id", "")
        current = sent if SAFE_ID.fullmatch(sent) else secrets.token_hex(16)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", current.encode())]
            await send(message)

        token = request_id.set(current)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            request_id.reset(token)


class BodyLimitMiddleware:
    """Ends the reading of a body that is too large with a 413, and of one that comes too slowly with a 408.

    FastAPI's own limit stands outside all middleware and answers in plain text, without an id.
    """

    def __init__(self, app: ASGIApp, *, timeout_s: float) -> None:
        self.app = app
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        received_bytes = 0
        deadline = anyio.current_time() + self.timeout_s

        async def receive_and_count() -> Message:
            nonlocal received_bytes, deadline
            with anyio.CancelScope(deadline=deadline):
                message = await receive()
                if not message.get("more_body", False):
                    # What is received from now on is that the client goes away.
                    deadline = math.inf
                received_bytes += len(message.get("body", b""))
                if received_bytes > MAX_BODY_BYTES:
                    raise HTTPException(413)
                return message
            # Who stays connected and sends no more would be waited for without end.
            raise HTTPException(408, headers={"Connection": "close"})

        await self.app(scope, receive_and_count, send)


class UnexpectedErrorMiddleware:
    """Answers 500 as problem details, and logs the traceback with the request's id.

    Starlette's own handler for this stands outside all middleware, where the answer would get no id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            if scope["type"] != "http" or started:
                raise
            logger.exception("%s %s failed unexpectedly", scope["method"], scope["path"])
            await internal_error(scope["path"])(scope, receive, send)
