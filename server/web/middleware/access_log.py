"""Each request leaves one line in the log and one entry in the metrics, under an id."""

import logging
import re
from urllib.parse import quote

from starlette.types import Scope

from server.backend.logging import new_request_id
from server.backend.metrics import Metrics
from server.web.middleware.headers import ID_HEADER

logger = logging.getLogger("server.access")

# A client's own id is taken over if it is harmless in a log line.
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# The labels of a metric must be few for any input.
COUNTED_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class AccessLog:
    """Records method, route, status and duration of every request.

    The route is the template (``/api/rest/v1/movies/{movie_id}``), or "-" if none has matched.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def record(self, scope: Scope, status: int, duration_s: float) -> None:
        """Record one request."""
        route = _template(scope)
        self.metrics.count_request(
            scope["method"] if scope["method"] in COUNTED_METHODS else "-", route, status, duration_s
        )
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


def request_id_of(scope: Scope) -> str:
    """Return the id of a request: the client's own, or a new one."""
    for name, value in scope["headers"]:
        if name == ID_HEADER:
            sent: str = value.decode("latin-1")
            return sent if SAFE_ID.fullmatch(sent) else new_request_id()
    return new_request_id()


def _path(scope: Scope) -> str:
    """Return the path of a request without the prefix of a proxy (see `server.web.prefix`)."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _template(scope: Scope) -> str:
    """Return the path of the route that matched, its parameters by name."""
    route = scope.get("route")
    template: str = "-" if route is None else route.path_format
    return template
