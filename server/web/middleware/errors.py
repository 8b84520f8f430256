"""Unexpected errors are answered, too."""

import logging

from starlette.types import Message, Receive, Scope, Send

from server.web.middleware.base import HTTPMiddleware
from server.web.problems import internal_error

logger = logging.getLogger(__name__)


class UnexpectedErrorMiddleware(HTTPMiddleware):
    """Answers 500 as problem details, and logs the traceback with the request's id.

    Starlette's own handler for this is outside of all middleware, where the response would get no id.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:
            if started:
                raise
            logger.exception("%s %s failed unexpectedly", scope["method"], scope["path"])
            await internal_error(scope["path"])(scope, receive, send)
