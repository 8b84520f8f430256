"""What our routes have in common: one request, one transaction, committed before the response; described headers."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from server.dependencies import SessionDep

Handler = TypeVar("Handler", bound=Callable[..., Any])


def described_header(name: str, description: str) -> dict[str, Any]:
    """Describe, for an entry of a route's ``responses``, a header that the route sets."""
    return {"headers": {name: {"description": description, "schema": {"type": "string"}}}}


PAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: described_header("Link", "The pages `first`, `prev`, `next` and `last` (RFC 8288).")
}


class TransactionRoute(APIRoute):
    """Runs its handler in the request's session, then commits and closes, all in the handler's own thread.

    A dependency with ``yield`` would do so as well, but after the response (a failing COMMIT would have answered 201)
    or at the price of two more hops between threads.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 (whatever APIRoute takes)
        super().__init__(path, in_transaction(endpoint), **options)


def quick(endpoint: Handler) -> Handler:
    """Mark a handler that only reads, a few rows by their keys.

    SQLite, which is in this process, answers it in less time than going to a thread and back takes: it runs on the
    event loop there.
    """
    endpoint.is_quick = True  # type: ignore[attr-defined]  # functions take attributes
    return endpoint


def in_transaction(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler; FastAPI sees its parameters and one more, the session that its services work in."""
    is_quick = getattr(endpoint, "is_quick", False)

    def run(session: Session, values: dict[str, Any]) -> Any:  # noqa: ANN401 (as the handler has it)
        with session:
            result = endpoint(**values)
            session.commit()
        return result

    # Not `def`, for FastAPI would go to a thread a second time, to validate the answer.
    @functools.wraps(endpoint)
    async def call(*, session_of_request: Session, **values: Any) -> Any:  # noqa: ANN401 (as the handler has it)
        if is_quick and session_of_request.info.get("is_in_process"):
            return run(session_of_request, values)
        return await run_in_threadpool(run, session_of_request, values)

    signature = inspect.signature(endpoint)
    session = inspect.Parameter("session_of_request", inspect.Parameter.KEYWORD_ONLY, annotation=SessionDep)
    call.__signature__ = signature.replace(parameters=[*signature.parameters.values(), session])  # type: ignore[attr-defined]  # PEP 362
    return call
