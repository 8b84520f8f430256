"""Each request leaves one line in the log and one entry in the metrics, under an id that its response carries."""

import logging
import re
import secrets
import time
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.backend.logging import request_id
from server.backend.metrics import Metrics
from server.web.middleware.base import HTTPMiddleware

logger = logging.getLogger("server.access")

# A client's own id is taken over if it is harmless in a log line.
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# The labels of a metric must be few for any input.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class AccessLogMiddleware(HTTPMiddleware):
    """Records method, route, status and duration of every request, and sets ``X-Request-ID``.

    The route is the template (``/api/rest/v1/movies/{movie_id}``), or "-" if none has matched.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        super().__init__(app)
        self.metrics = metrics

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        began_at = time.perf_counter()
        status, duration_s = 500, None
        current = _request_id(scope)

        async def send_and_record(message: Message) -> None:
            nonlocal status, duration_s
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", current.encode())]
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                # Background tasks run after the response and are not part of it.
                duration_s = time.perf_counter() - began_at

        token = request_id.set(current)
        try:
            await self.app(scope, receive, send_and_record)
        finally:
            self._record(scope, status, time.perf_counter() - began_at if duration_s is None else duration_s)
            request_id.reset(token)

    def _record(self, scope: Scope, status: int, duration_s: float) -> None:
        route = _template(scope)
        self.metrics.count_request(scope["method"] if scope["method"] in METHODS else "-", route, status, duration_s)
        if not logger.isEnabledFor(logging.INFO):
            return
        fields = {
            "method": scope["method"],
            "route": route,
            # Quoted, because a decoded path may hold any character. Without the query, because a search is private.
            "path": quote(_path(scope)),
            "status": status,
            "duration_ms": round(duration_s * 1000, 1),
        }
        logger.info("%(method)s %(path)s %(status)d %(duration_ms).1f ms", fields, extra={"fields": fields})


def _request_id(scope: Scope) -> str:
    sent = Headers(scope=scope).get("x-request-id", "")
    return sent if SAFE_ID.fullmatch(sent) else secrets.token_hex(16)


def _path(scope: Scope) -> str:
    """Return the path of a request without the prefix of a proxy (see `server.web.prefix`)."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _template(scope: Scope) -> str:
    """Return the path of the route that matched, its parameters by name."""
    route = scope.get("route")
    if route is None:
        return "-"
    # The route itself knows only its router's part; the prefix before it has no parameters.
    own: str = route.path_format
    path = _path(scope)
    return path.removesuffix(own.format_map(scope["path_params"])) + own
