"""What our routes have in common: one request, one transaction, committed before the response; what may be kept."""

import functools
import hashlib
import inspect
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from server.backend.database import TransactionSession
from server.schemas.base import PageRead
from server.web.dependencies import READING_METHODS, WriteSlotDep, session_of

Handler = TypeVar("Handler", bound=Callable[..., Any])


def described_header(name: str, description: str) -> dict[str, Any]:
    """Describe, for an entry of a route's ``responses``, a header that the route sets."""
    return {"headers": {name: {"description": description, "schema": {"type": "string"}}}}


PAGE_FIELDS = {"total", "page", "limit"}

# What stands in a query string as it is, the sign of what does not included.
ALLOWED_IN_QUERY = "%/?:@!$&'()*+,;=-._~"

PAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: described_header("Link", "The pages `first`, `prev`, `next` and `last` (RFC 8288).")
}

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The client's copy still holds; no body."}}


class TransactionalRoute(APIRoute):
    """Runs its handler in the request's session, then commits and closes, all in the handler's own thread.

    A dependency with ``yield`` would do so as well, but after the response (a failing COMMIT would have answered 201)
    or at the price of two more hops between threads.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 (whatever APIRoute takes)
        writes = not READING_METHODS.issuperset(options["methods"])
        if _is_paged(endpoint):
            options["responses"] = PAGE_RESPONSES | (options["responses"] or {})
        super().__init__(path, in_transaction(endpoint, writes=writes), **options)


class CacheableRoute(TransactionalRoute):
    """A route whose answers are the same for all who get them: they may be kept, with an ``ETag`` to ask if they hold.

    The tag is a hash of the body, so that it changes with whatever is in it, a movie's average for one. It is a weak
    one because it names the document, not its bytes, which differ when they are compressed.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 (as above)
        if "GET" in options["methods"]:
            options["responses"] = NOT_MODIFIED | (options["responses"] or {})
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler, which ends with the whole answer in hand."""
        handle = super().get_route_handler()

        async def handle_conditionally(request: Request) -> Response:
            response = await handle(request)
            return _tagged(request, response) if request.method == "GET" and response.status_code == 200 else response

        return handle_conditionally


def _tagged(request: Request, response: Response) -> Response:
    tag = f'W/"{hashlib.blake2b(response.body, digest_size=12).hexdigest()}"'
    # What was shown to who signed in is not for others behind the same proxy, even where everybody may sign in.
    kept = {"ETag": tag, "Cache-Control": "private, no-cache" if "Authorization" in request.headers else "no-cache"}
    response.headers.update(kept)
    known = request.headers.get("If-None-Match")
    if known is None:
        return response
    # Compared weakly (RFC 9110, 13.1.2): a proxy may have made a strong tag of ours.
    if known != "*" and tag.removeprefix("W/") not in (part.strip().removeprefix("W/") for part in known.split(",")):
        return response
    return Response(status_code=304, headers=kept | {"Vary": "Accept-Encoding"}, background=response.background)


def runs_inline(*, when: Callable[..., bool] = lambda **_values: True) -> Callable[[Handler], Handler]:
    """Mark a handler that, `when` its parameters are such, takes a millisecond or two.

    Such are those that search the index, score movies for a user, or read a few rows by their keys.

    With SQLite, which is in this process, that takes less time than going to a thread and back: it runs on the event
    loop there. Anything longer would keep everyone else waiting.
    """

    def mark(endpoint: Handler) -> Handler:
        endpoint.runs_inline = when  # type: ignore[attr-defined]  # functions take attributes
        return endpoint

    return mark


def in_transaction(endpoint: Callable[..., Any], *, writes: bool) -> Callable[..., Any]:
    """Wrap a handler; FastAPI sees its parameters and more: the request, its response, and a writer's turn."""
    runs_inline = getattr(endpoint, "runs_inline", lambda **_values: False)
    is_paged = _is_paged(endpoint)

    def run(session: TransactionSession, values: dict[str, Any]) -> Any:  # noqa: ANN401 (as the handler has it)
        with session:
            result = endpoint(**values)
            session.commit()
        return result

    parameters = dict(inspect.signature(endpoint).parameters)
    wanted = {"whole_request": Request, "whole_response": Response} | ({"turn": WriteSlotDep} if writes else {})
    # FastAPI hands each over once: to the handler's own parameter, where it has one.
    own = {name: _named(parameters, kind) or name for name, kind in wanted.items()}
    added = set(own.values()) - parameters.keys()

    # Not `def`, for FastAPI would go to a thread a second time, to validate the answer.
    @functools.wraps(endpoint)
    async def call(**values: Any) -> Any:  # noqa: ANN401 (as the handler has it)
        request, response = values[own["whole_request"]], values[own["whole_response"]]
        for name in added:
            del values[name]
        session = session_of(request)
        if session.is_in_process and runs_inline(**values):
            result = run(session, values)
        else:
            result = await run_in_threadpool(run, session, values)
        if is_paged:
            response.headers["Link"] = _links(request, result)
        return result

    for name in added:
        parameters[name] = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=wanted[name])
    call.__signature__ = inspect.signature(endpoint).replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]  # PEP 362
    return call


def _named(parameters: Mapping[str, inspect.Parameter], kind: object) -> str | None:
    """Find the name of the parameter of a kind."""
    return next((name for name, parameter in parameters.items() if parameter.annotation is kind), None)


def _is_paged(endpoint: Callable[..., Any]) -> bool:
    """Say whether a handler's answer is a page of a list."""
    return getattr(inspect.signature(endpoint).return_annotation, "model_fields", {}).keys() >= PAGE_FIELDS


def _links(request: Request, page: PageRead) -> str:
    """Lead to other pages (RFC 8288): first, prev, next, last, as far as there are such."""
    last = max(1, -(-page.total // page.limit))
    numbers = {"first": 1, "prev": min(page.page - 1, last), "next": page.page + 1, "last": last}
    query = quote(request.scope["query_string"], safe=ALLOWED_IN_QUERY)
    others = "".join(f"{part}&" for part in query.split("&") if part and part.partition("=")[0] != "page")
    # Without scheme and host, which a proxy may have changed.
    path = f"{quote(request.scope['path'])}?{others}page="
    return ", ".join(
        f'<{path}{number}>; rel="{relation}"' for relation, number in numbers.items() if 1 <= number <= last
    )
