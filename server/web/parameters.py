"""Refuse unknown query parameters and compressed bodies, on every route."""

import difflib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from server.errors import UnsupportedEncoding
from server.web.query import query_readers

UNKNOWN_PARAMETER = "unknown_parameter"
SIMILARITY = 0.6
METHODS_WITH_BODY = {"POST", "PUT", "PATCH", "DELETE"}
IDENTITY = "identity"


class StrictRoute(APIRoute):
    """A route that refuses what it would misread.

    The value of an unknown query parameter would silently have no effect; the validation error names the nearest known
    one. A compressed body would be reported as invalid JSON.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()
        known = sorted(set(_query_parameters(self.dependant)))

        async def handle_known_parameters(request: Request) -> Response:
            # Most requests have no query and no body.
            if request.scope["query_string"]:
                _check(list(request.query_params), known)
            if request.method in METHODS_WITH_BODY:
                _check_encoding(request.headers.get("Content-Encoding", IDENTITY))
            return await handle(request)

        return handle_known_parameters


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    for reader in query_readers(dependant):
        yield from reader.model.model_fields


def _check_encoding(encoding: str) -> None:
    if encoding.strip().lower() not in {"", IDENTITY}:
        raise UnsupportedEncoding(encoding)


def _check(sent: list[str], known: list[str]) -> None:
    unknown = [name for name in sent if name not in known]
    if unknown:
        raise RequestValidationError([
            {"type": UNKNOWN_PARAMETER, "loc": ("query", name), "msg": _message(name, known)} for name in unknown
        ])


def _message(name: str, known: list[str]) -> str:
    similar = difflib.get_close_matches(name.lower(), known, n=1, cutoff=SIMILARITY)
    if similar:
        return f"Unknown query parameter {name!r}. Did you mean {similar[0]!r}?"
    if known:
        return f"Unknown query parameter {name!r}. Known are: {', '.join(known)}."
    return f"Unknown query parameter {name!r}. This path takes none."
