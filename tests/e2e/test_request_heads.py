"""Request heads over the limit, in many forms, and bytes that are not HTTP, sent to a real server."""

import json
import re
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from tests.support.installation import API, Server
from tests.support.tables import for_each
from tests.support.waiting import DEADLINE_S

KIB = 1024
GET = b"GET /api/rest/v1/movies HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/rest/v1/ratings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def send(server: Server, request: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Send bytes and return the status, the headers and the body of the response, up to the end of the connection."""
    address = urlsplit(server.address)
    response = b""
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=DEADLINE_S) as connection:
        with suppress(OSError):  # the server may close before everything is sent
            connection.sendall(request)
        with suppress(OSError):
            while part := connection.recv(65536):
                response += part
    head, _, body = response.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, json.loads(body)


@for_each(
    ("request_bytes", "status", "code"),
    [
        (b"GET /api/rest/v1/movies?x=" + b"a" * 66_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "url-too-long"),
        (b"GET /" + b"a" * 200_000, 414, "url-too-long"),
        (b"GET /" + b"%41" * 12_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "url-too-long"),
        (GET + b"X-Large: " + b"a" * 40 * KIB + b"\r\n\r\n", 431, "head-too-large"),
        (GET + b"X-Endless: " + b"a" * 500_000, 431, "head-too-large"),
        (GET + b"X-Endless-Name" + b"a" * 500_000, 431, "head-too-large"),
        (GET + b"".join(b"X-%d: a\r\n" % number for number in range(5_000)) + b"\r\n", 431, "head-too-large"),
        (b"BREW\x00/ HTTP/9.9\r\n\r\n", 400, "bad-request"),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400, "bad-request"),
        (b"GET /api/rest/v1/movies HTTP/1.1\r\nBad Header\r\n\r\n", 400, "bad-request"),
    ],
)
def test_a_refused_head_is_a_problem_with_an_id(
    shared_server: Server, request_bytes: bytes, status: int, code: str
) -> None:
    answered, headers, problem = send(shared_server, request_bytes)

    assert (answered, problem["status"], problem["type"]) == (status, status, f"/errors/{code}")
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])


@for_each(
    "request_bytes",
    [
        POST + b"1;" + b"a" * 500_000,
        POST + b"2\r\n{}\r\n0\r\n" + b"X-Trailer: " + b"a" * 500_000,
    ],
)
def test_an_endless_part_of_a_body_that_is_not_data_ends_the_connection(
    shared_server: Server, request_bytes: bytes
) -> None:
    address = urlsplit(shared_server.address)

    with socket.create_connection((address.hostname or "", address.port or 0), timeout=DEADLINE_S) as connection:
        with suppress(OSError):
            connection.sendall(request_bytes)
        with suppress(OSError):
            while connection.recv(65536):
                pass

    assert shared_server.client.get("/livez").status_code == 200


def test_a_head_below_the_limit_is_read_and_its_connection_stays_open(shared_server: Server) -> None:
    for size in (100, 30 * KIB, 100):
        response = shared_server.client.get(f"{API}/movies", headers={"X-Large": "a" * size})

        assert response.status_code == 200


def test_many_requests_in_one_connection_are_not_counted_together(shared_server: Server) -> None:
    for _ in range(30):
        assert shared_server.client.get(f"{API}/movies", headers={"X-Large": "a" * 4 * KIB}).status_code == 200
