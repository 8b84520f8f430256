"""The headers of every response: security, caching, timing; and the response to HEAD."""

import time

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from server.web.middleware.base import HTTPMiddleware

RawHeaders = list[tuple[bytes, bytes]]

# A response is data: it loads nothing, no page may frame it, and no other site may use it as a script.
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
RAW_DEFAULTS = Headers(SECURITY | {"Cache-Control": "no-store"}).raw


class HeadersMiddleware(HTTPMiddleware):
    """Adds security headers, ``Server-Timing`` and, unless the route set it, ``Cache-Control: no-store``.

    Without the last caches may keep even a 404 for as long as they like. A HEAD request is handled as GET, and its
    response sent without the body.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        started = time.perf_counter()
        is_head = scope["method"] == "HEAD"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _completed(message["headers"], started)
            elif is_head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        if is_head:
            # In place: the access log outside reads the route that matched from this scope.
            scope["method"] = "GET"
        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            if is_head:
                scope["method"] = "HEAD"


def _completed(headers: RawHeaders, started: float) -> RawHeaders:
    # A response may have headers of its own instead: the built-in page has a policy, a cacheable route caching.
    own = {name for name, _ in headers}
    timing = (b"server-timing", b"app;dur=%.1f" % ((time.perf_counter() - started) * 1000))
    return [*(header for header in RAW_DEFAULTS if header[0] not in own), *headers, timing]
