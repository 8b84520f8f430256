"""Compressed responses."""

import re

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

# Shorter responses fit into a packet or two as they are. Level 5 comes close to the size of 9 in a third of the time.
FROM_BYTES = 1000
LEVEL = 5

REFUSED = re.compile(rb"\bgzip\s*;\s*q=0(\.0*)?\s*(,|$)")
"""A weight of 0 means "not acceptable" (RFC 9110, 12.4.2)."""


class CompressionMiddleware(GZipMiddleware):
    """Starlette's gzip, which passes requests on that do not ask for it.

    Starlette examines their responses, too, to add ``Vary``, which ours always have: the benchmark row "average". And
    it compresses responses to requests that refuse it.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, minimum_size=FROM_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if any(name == b"accept-encoding" and _takes_gzip(value) for name, value in scope.get("headers", ())):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _takes_gzip(accepted: bytes) -> bool:
    return b"gzip" in accepted and not REFUSED.search(accepted)
