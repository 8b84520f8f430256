"""Which pages of other origins may call the API from a browser (CORS)."""

import logging

from cachetools import LRUCache
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import CrossOriginRefused
from server.web.problems import cross_origin_refused

logger = logging.getLogger(__name__)

EXPOSED_HEADERS = [
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "Server-Timing",
    "WWW-Authenticate",
    "X-Model-Version",
    "X-Request-ID",
]
"""The headers that a page of another origin may read, in addition to those that browsers always allow."""

ALLOWED_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")

LOGGED_ORIGINS = 1_000
"""Remember at most this many refused origins, so that each is logged once."""


class CrossOriginMiddleware(CORSMiddleware):
    """Starlette's CORS, whose refused preflight requests are answered as problem details and logged once an origin.

    Without credentials: a token is sent in a header, by a script that has it. There are no cookies, which a browser
    would send by itself.
    """

    def __init__(self, app: ASGIApp, *, origins: str) -> None:
        super().__init__(
            app,
            allow_origins=origins.split(),
            allow_methods=ALLOWED_METHODS,
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
        self._logged: LRUCache[str, bool] = LRUCache(LOGGED_ORIGINS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; answer a preflight request."""
        if scope["type"] != "http" or all(name != b"origin" for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers["origin"]
        if self._is_own(origin, headers) and not self.is_allowed_origin(origin):
            # Starlette would refuse it.
            await self.app(scope, receive, send)
            return
        method = headers.get("access-control-request-method") if scope["method"] == "OPTIONS" else None
        if method is not None and (refusal := self._refusal(origin, method)) is not None:
            await cross_origin_refused(scope["path"], refusal)(scope, receive, send)
            return
        if not self.is_allowed_origin(origin):
            # It is answered, but the browser does not let the page read the response.
            self._log(origin)
        await super().__call__(scope, receive, send)

    @staticmethod
    def _is_own(origin: str, headers: Headers) -> bool:
        return origin.partition("://")[2] == headers.get("host")

    def _refusal(self, origin: str, method: str) -> CrossOriginRefused | None:
        if not self.is_allowed_origin(origin):
            self._log(origin)
            return CrossOriginRefused(f"The origin {origin} may not call this API.")
        if method not in ALLOWED_METHODS:
            return CrossOriginRefused(f"The origin {origin} may not use the method {method}.")
        return None

    def _log(self, origin: str) -> None:
        if origin not in self._logged:
            self._logged[origin] = True
            logger.warning("refused the origin %r; to allow it, add it to MATINEE_CORS_ORIGINS", origin)
