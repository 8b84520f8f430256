"""Around every request: HEAD, how long it took, and that nobody keeps what was not said to be kept."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Answers HEAD as it would GET, with the same headers and without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        as_get = {**scope, "method": "GET"}
        try:
            await self.app(as_get, receive, send_without_body)
        finally:
            # Which route it was is told in the scope, to whom stands outside, too.
            scope.update({**as_get, "method": "HEAD"})


class CommonHeadersMiddleware:
    """Adds ``Server-Timing``, and ``Cache-Control: no-store`` where the route has not said what may be kept.

    Without that header caches may keep even a 404 for as long as they find right.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (b"server-timing", _duration(started))]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _duration(started: float) -> bytes:
    return b"app;dur=%.1f" % ((time.perf_counter() - started) * 1000)
