"""What stands between the app and the network: who may call from a browser, headers, and how long a request waits."""

import math
from typing import Any

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.web.problems import too_busy

READING_METHODS = {"GET", "HEAD"}

# What a page of another origin may read of an answer, beside what browsers always let it.
EXPOSED_HEADERS = ["ETag", "Link", "Location", "Retry-After", "Server-Timing", "WWW-Authenticate", "X-Request-ID"]

# An answer is data: it loads nothing, no page may frame it, and none of another site may use it as a script.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# As they are sent, and put in front of the others all at once: no handler sets any of them.
RAW_HEADERS = Headers(HEADERS).raw


def cross_origin_options(origins: str) -> dict[str, Any]:
    """Give the options of Starlette's ``CORSMiddleware`` for origins separated by spaces.

    No credentials: a token is sent in a header, by a script that has it; a cookie, which a browser would send by
    itself, does not exist.
    """
    return {
        "allow_origins": origins.split(),
        "allow_methods": ["GET", "HEAD", "POST", "PUT", "DELETE"],
        "allow_headers": ["*"],
        "expose_headers": EXPOSED_HEADERS,
    }


class SecurityHeadersMiddleware:
    """Puts on every response what keeps a browser from making something else of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The built-in page has a policy of its own.
                own = {name for name, _ in message["headers"]}
                message["headers"] = [*(header for header in RAW_HEADERS if header[0] not in own), *message["headers"]]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class ReadTimeoutMiddleware:
    """Answers 503 to a request that only reads and has waited too long for its turn.

    A request that writes is never given up from here: its handler, in a thread, could commit after the answer. What it
    waits for has limits of its own, and nothing is committed when they are reached: its body, its place among the
    writers, a connection, a lock.
    """

    def __init__(self, app: ASGIApp, *, timeout_s: float) -> None:
        self.app = app
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] not in READING_METHODS:
            await self.app(scope, receive, send)
            return
        with anyio.move_on_after(self.timeout_s) as patience:

            async def send_without_hurry(message: Message) -> None:
                # Of an answer that comes too late nothing is sent; one that has begun is sent to its end.
                if patience.deadline != math.inf:
                    await anyio.lowlevel.checkpoint_if_cancelled()
                    patience.deadline = math.inf
                await send(message)

            await self.app(scope, receive, send_without_hurry)
        if patience.cancelled_caught:
            await too_busy(scope["path"])(scope, receive, send)
