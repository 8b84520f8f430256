"""Uvicorn's HTTP protocol, with a limit on request heads and with problem details for malformed requests."""

import json
import logging
import re
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.backend.logging import new_request_id, request_id
from server.errors import ApiError, BadRequest, HeadTooLarge, UrlTooLong
from server.web.problems import MEDIA_TYPE, problem

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 32 * 1024

LINGER_S = 2.0
"""Read and drop what a refused client still sends for this long. Closing at once could destroy the response."""

MALFORMED = BadRequest("The request is not valid HTTP.")
ECHOED_PATH = re.compile(rb"/[\x21-\x7e]{0,199}")


class HeadExceedsLimit(Exception):
    """Makes the parser stop."""


class LimitedProtocol(HttpToolsProtocol):
    """Refuses a request whose head exceeds the limit: 414 if its URL does, else 431.

    The parser keeps a header, a trailer or the extension of a chunk until it is complete, so the bytes are counted as
    they arrive, until a part of a body follows. Memory stays constant, regardless of what a client sends.
    """

    url = b""
    _pending_bytes = 0
    _refusal: ApiError = MALFORMED
    _is_refused = False

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, unless the request was refused."""
        if self._is_refused:
            return
        self._pending_bytes += len(data)
        super().data_received(data)
        if self._pending_bytes > MAX_HEAD_BYTES and not self._is_refused:
            self._refusal = self._limit_error()
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._refusal = MALFORMED

    def on_headers_complete(self) -> None:
        """Check the size of a head that arrived in one piece."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refusal = self._limit_error()
            raise HeadExceedsLimit
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, which has limits of its own."""
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next may follow in the same connection."""
        self._pending_bytes = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (Uvicorn's signature)
        """Refuse the request and close the connection."""
        self._is_refused = True
        if self.cycle is not None and not self.cycle.response_complete:  # type: ignore[redundant-expr]  # None at first
            # Another response is under way, and a second one would be taken for a part of it.
            self.transport.close()
            return
        token = request_id.set(new_request_id())
        logger.info("%s: %s", self._refusal.code, self._refusal)
        self.transport.write(self._response())
        request_id.reset(token)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def _limit_error(self) -> ApiError:
        return UrlTooLong() if len(self.url) > MAX_HEAD_BYTES // 2 else HeadTooLarge()

    def _response(self) -> bytes:
        path = ECHOED_PATH.fullmatch(self.url.partition(b"?")[0])
        body = json.dumps(problem(self._refusal, path[0].decode() if path else "/")).encode()
        status = HTTPStatus(self._refusal.status)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            f"content-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {request_id.get()}\r\n"
            "cache-control: no-store\r\n"
            "x-content-type-options: nosniff\r\n"
            "connection: close\r\n"
            "\r\n"
        )
        return head.encode() + body
