"""How much a request may send, and how long it may take."""

import math
from collections.abc import Awaitable, Callable

import anyio
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.web.middleware.base import HTTPMiddleware
from server.web.problems import too_busy

MAX_BODY_BYTES = 64 * 1024
MAX_UPLOAD_BYTES = 8 * 1024 * 1024
UPLOADS = "/ratings/import"
"""The end of the paths that take a file."""

METHODS_WITHOUT_BODY = {"GET", "HEAD"}


class LimitsMiddleware(HTTPMiddleware):
    """Answers 413 to a body that is too large, 408 to one that is too slow, and 503 to a read that waited too long.

    A request that writes is never abandoned here: its handler, in a thread, could commit after the response. Its body,
    its write slot, its connection and its lock have limits of their own, and nothing is committed when they are
    reached.
    """

    def __init__(self, app: ASGIApp, *, timeout_s: float) -> None:
        super().__init__(app)
        self.timeout_s = timeout_s

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["method"] not in METHODS_WITHOUT_BODY:
            max_bytes = MAX_UPLOAD_BYTES if scope["path"].endswith(UPLOADS) else MAX_BODY_BYTES
            await self.app(scope, _limited(receive, self.timeout_s, max_bytes), send)
            return
        # No handler of a GET reads a body.
        with anyio.CancelScope(deadline=anyio.current_time() + self.timeout_s) as patience:
            await self.app(scope, receive, _unhurried(send, patience))
        if patience.cancelled_caught:
            await too_busy(scope["path"])(scope, receive, send)


def _limited(receive: Receive, timeout_s: float, max_bytes: int) -> Receive:
    """Count the bytes of a body and the time until its last.

    FastAPI's own limit is outside of all middleware and answers in plain text, without an id.
    """
    received_bytes = 0
    deadline = anyio.current_time() + timeout_s

    async def receive_and_count() -> Message:
        nonlocal received_bytes, deadline
        with anyio.CancelScope(deadline=deadline):
            message = await receive()
            if not message.get("more_body", False):
                # The next message is that the client disconnects; it may take any time.
                deadline = math.inf
            received_bytes += len(message.get("body", b""))
            if received_bytes > max_bytes:
                raise HTTPException(413)
            return message
        # Without a deadline, a client that stalls mid-body would hold the request open forever.
        raise HTTPException(408, headers={"Connection": "close"})

    return receive_and_count


def _unhurried(send: Send, patience: anyio.CancelScope) -> Callable[[Message], Awaitable[None]]:
    """Send nothing of a response that comes too late, and all of one that has begun."""

    async def send_all(message: Message) -> None:
        if patience.deadline != math.inf:
            if patience.cancel_called:
                await anyio.lowlevel.checkpoint_if_cancelled()
            patience.deadline = math.inf
        await send(message)

    return send_all
