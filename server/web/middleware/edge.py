"""The outermost middleware: the id, the headers, the log line and the metrics of every request, in one pass."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.backend.logging import request_id
from server.web.middleware.access_log import AccessLog, request_id_of
from server.web.middleware.base import HTTPMiddleware
from server.web.middleware.headers import completed


class EdgeMiddleware(HTTPMiddleware):
    """Sees each request first and its response last; nothing leaves without an id, or unrecorded.

    One middleware, because each one takes as long as its work does here: the benchmark row "average". A HEAD request
    is handled as GET, and its response sent without the body.
    """

    def __init__(self, app: ASGIApp, access_log: AccessLog) -> None:
        super().__init__(app)
        self._access_log = access_log

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        began_at = time.perf_counter()
        status, duration_s = 500, None
        current = request_id_of(scope)
        method = scope["method"]

        async def send_completed(message: Message) -> None:
            nonlocal status, duration_s
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = completed(message["headers"], current, time.perf_counter() - began_at)
            elif method == "HEAD" and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                # Background tasks run after the response and are not part of it.
                duration_s = time.perf_counter() - began_at

        # A copy for HEAD: Uvicorn reads the method from its own scope, and expects the whole body of a GET.
        inner = {**scope, "method": "GET"} if method == "HEAD" else scope
        token = request_id.set(current)
        try:
            await self.app(inner, receive, send_completed)
        finally:
            duration_s = time.perf_counter() - began_at if duration_s is None else duration_s
            self._access_log.record({**inner, "method": method} if method == "HEAD" else scope, status, duration_s)
            request_id.reset(token)
