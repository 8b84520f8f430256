"""Compressed responses."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

# Shorter responses fit into a packet or two as they are. Level 5 comes close to the size of 9 in a third of the time.
FROM_BYTES = 1000
LEVEL = 5


class CompressionMiddleware(GZipMiddleware):
    """Starlette's gzip, which passes requests on that do not ask for it.

    Starlette examines their responses, too, to add ``Vary``, which ours always have: the benchmark row "average".
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, minimum_size=FROM_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if any(name == b"accept-encoding" for name, _ in scope.get("headers", ())):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)
