"""An HTTP proxy that makes a server slow, or lets it fail from time to time, for tests of remote stores."""

import http.client
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, cast

Fault = Literal["slow", "failing"]

DELAY_S = 0.1
FAILING = 3
"""Each third request is answered 503."""

HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding"}


class FaultyServer(ThreadingHTTPServer):
    """Forwards requests to a port of loopback, with a fault."""

    def __init__(self, target: int, fault: Fault) -> None:
        super().__init__(("127.0.0.1", 0), Forwarder)
        self.target = target
        self._fault = fault
        self._numbers = itertools.count(1)

    def fails_next(self) -> bool:
        """Delay the next request, or return whether it fails."""
        if self._fault == "slow":
            time.sleep(DELAY_S)  # It is the fault, not a wait for something.
            return False
        return next(self._numbers) % FAILING == 0


class Forwarder(BaseHTTPRequestHandler):
    """Handles one connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""

    def _forward(self) -> None:
        server = cast("FaultyServer", self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if server.fails_next():
            self._answer(503, [], b"")
            return
        connection = http.client.HTTPConnection("127.0.0.1", server.target, timeout=60)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        self._answer(response.status, response.getheaders(), response.read())
        connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        has_body = self.command != "HEAD"
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP and not (has_body and name.lower() == "content-length"):
                self.send_header(name, value)
        if has_body:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if has_body:
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815 (the names are those of HTTP)


@contextmanager
def running_proxy(port: int, fault: Fault) -> Iterator[int]:
    """Yield the port of a proxy in front of a server on loopback."""
    server = FaultyServer(port, fault)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
