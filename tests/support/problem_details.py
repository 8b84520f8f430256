"""The shape of every error response (RFC 9457), checked in one place."""

import re
from typing import Any

from httpx2 import Response

INSIDES = re.compile(r"Traceback|Error\b|Exception|<class|\bserver\.|\b(SELECT|INSERT|UPDATE|DELETE FROM|COMMIT)\b")


def assert_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """Check that a response is this problem and reveals no internals, and return its body."""
    body: dict[str, Any] = response.json()
    keys = {"type", "title", "status", "detail", "instance"} | ({"errors"} if code == "invalid-input" else set())
    assert response.headers["Content-Type"] == "application/problem+json"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", response.headers["X-Request-ID"])
    assert set(body) == keys
    assert (response.status_code, body["status"], body["type"]) == (status, status, f"/errors/{code}")
    assert body["instance"] == response.request.url.path
    assert body["title"]
    assert body["detail"]
    assert not INSIDES.search(response.text)
    return body
