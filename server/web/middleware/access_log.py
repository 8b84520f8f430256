"""Each request leaves one line in the log and one entry in the metrics."""

import logging
import time
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.backend.metrics import Metrics

logger = logging.getLogger("server.access")

# The labels of a metric must be few, whatever clients send.
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class ObservationMiddleware:
    """Notes method, route, status and duration of every request.

    The route is the template (``/api/rest/v1/movies/{movie_id}``), "-" where none has matched.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began_at = time.perf_counter()
        status, duration_s = 500, None

        async def send_and_note(message: Message) -> None:
            nonlocal status, duration_s
            await send(message)
            if message["type"] == "http.response.start":
                status = message["status"]
            elif not message.get("more_body", False):
                # What runs in the background after the answer is not part of it.
                duration_s = time.perf_counter() - began_at

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            self._note(scope, status, time.perf_counter() - began_at if duration_s is None else duration_s)

    def _note(self, scope: Scope, status: int, duration_s: float) -> None:
        route = _template(scope)
        self.metrics.count_request(scope["method"] if scope["method"] in METHODS else "-", route, status, duration_s)
        if not logger.isEnabledFor(logging.INFO):
            return
        fields = {
            "method": scope["method"],
            "route": route,
            # Decoded as it is it could hold anything; a search, the query, is nobody's business.
            "path": quote(scope["path"]),
            "status": status,
            "duration_ms": round(duration_s * 1000, 1),
        }
        logger.info("%(method)s %(path)s %(status)d %(duration_ms).1f ms", fields, extra={"fields": fields})


def _template(scope: Scope) -> str:
    """Give the path of the route that matched, its parameters by name."""
    route = scope.get("route")
    if route is None:
        return "-"
    # The route itself knows only the part that its router has; what comes before has no parameters.
    own: str = route.path_format
    path: str = scope["path"]
    return path.removesuffix(own.format_map(scope["path_params"])) + own
