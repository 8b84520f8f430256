"""Load on a server: as many requests as it answers, over a few persistent connections."""

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

ENOUGH_BYTES = 1 << 18


@dataclass
class Connection:
    """A connection with one request at a time."""

    socket: socket.socket
    asked_at: float = 0.0
    received: bytes = b""


@dataclass
class Load:
    """The result of a load."""

    durations_s: list[float] = field(default_factory=list)
    """Of each request, from the first byte sent to the last byte received."""
    elapsed_s: float = 0.0

    @property
    def requests_a_second(self) -> float:
        """Answered requests per second."""
        return len(self.durations_s) / self.elapsed_s


def put_under_load(port: int, paths: Sequence[str], *, seconds: float, connections: int) -> Load:
    """Request the paths in turn, on each connection as soon as it has received its response.

    It uses plain sockets, because an HTTP client in Python takes longer than our responses. Raises RuntimeError for a
    response that is not a 200.
    """
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]
    load = Load()
    with selectors.DefaultSelector() as selector:
        for number in range(connections):
            connection = Connection(socket.create_connection(("127.0.0.1", port)))
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            _ask(connection, requests[number % len(requests)])
        started = time.perf_counter()
        asked = connections
        while (now := time.perf_counter()) - started < seconds:
            for key, _ in selector.select(timeout=1):
                if _is_answered(key.data):
                    load.durations_s.append(time.perf_counter() - key.data.asked_at)
                    _ask(key.data, requests[asked % len(requests)])
                    asked += 1
        load.elapsed_s = now - started
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return load


def _ask(connection: Connection, request: bytes) -> None:
    connection.received = b""
    connection.asked_at = time.perf_counter()
    connection.socket.sendall(request)


def _is_answered(connection: Connection) -> bool:
    """Receive bytes, and return whether the response is complete."""
    connection.received += connection.socket.recv(ENOUGH_BYTES)
    head, end, body = connection.received.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"The server answered: {connection.received.decode()}")
    _, _, after = head.lower().partition(b"content-length: ")
    return len(body) >= int(after.partition(b"\r\n")[0])
