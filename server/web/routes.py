"""The classes of our routes: one request, one transaction, committed before the response; and cacheable responses."""

import functools
import hashlib
from collections.abc import Callable, Coroutine, Iterable
from inspect import iscoroutinefunction, signature
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.exc import DBAPIError

from server.web.dependencies import MODEL_VERSION, TAKES_WRITE_SLOT
from server.web.inline import runs_in_thread
from server.web.parameters import StrictRoute
from server.web.state import RequestSession, current_session, state_of

READING_METHODS = {"GET", "HEAD", "OPTIONS"}

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The client's copy is still valid; no body."}}

KEPT = ("ETag", "Cache-Control", MODEL_VERSION)
"""The headers of a response that a 304 repeats."""

RouteHandler = Callable[[Request], Coroutine[Any, Any, Response]]

# The options of a route that it can be made again from. The others belong to the app.
OPTIONS = signature(APIRoute).parameters.keys() - {
    *("path", "dependency_overrides_provider", "generate_unique_id_function", "strict_content_type"),
    *("max_body_size", "form_limits"),
}


def add_routes(app: FastAPI, router: APIRouter, *, prefix: str = "") -> None:
    """Add the routes of a router to the app itself.

    `FastAPI.include_router` keeps the router, and each request looks for its route twice, at each level. This moves all
    benchmark rows of serving.
    """
    for route in iter_route_contexts(router.routes):
        options: dict[str, Any] = {name: getattr(route, name) for name in OPTIONS}
        route_class = cast("type[APIRoute]", type(route.original_route))
        app.router.add_api_route(f"{prefix}{route.path}", route_class_override=route_class, **options)


class TransactionalRoute(StrictRoute):
    """Runs its handler in the request's own session, committed before the response is built; a writer takes a slot.

    A dependency with ``yield`` would commit as well, but on the event loop or at the price of more hops between
    threads, during which it would hold a connection.
    """

    writes: bool | None = None
    """Whether the handler writes; None: unless its methods only read."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 (the options of APIRoute)
        if self._writes(options["methods"]):
            others = [other for other in options["dependencies"] or () if other != TAKES_WRITE_SLOT]
            options["dependencies"] = [*others, TAKES_WRITE_SLOT]
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else runs_in_thread()(endpoint), **options)

    def get_route_handler(self) -> RouteHandler:
        """Wrap FastAPI's handler, which solves the dependencies and calls ours."""
        return self.in_session(super().get_route_handler())

    def in_session(self, handle: RouteHandler) -> RouteHandler:
        """Run FastAPI's handler in a session of the request's own."""
        writes = self._writes(self.methods or ())

        async def handle_in_session(request: Request) -> Response:
            open_session = state_of(request)["database"].open_session
            current_session.set(RequestSession(functools.partial(open_session, writes=writes)))
            return await handle(request)

        return handle_in_session

    def _writes(self, methods: Iterable[str]) -> bool:
        return not READING_METHODS.issuperset(methods) if self.writes is None else self.writes


class QueryRoute(TransactionalRoute):
    """A route whose POST only reads: the query is too large for a URL."""

    writes = False


class CacheableRoute(TransactionalRoute):
    """A route whose responses have an ``ETag``: caches may keep them, and ask whether they are still valid.

    The tag is a hash of the body, so that it changes with everything in it, such as a movie's average. It is a weak
    one because it names the document, not its bytes, which differ when they are compressed.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 (as above)
        if "GET" in options["methods"]:
            options["responses"] = NOT_MODIFIED | (options["responses"] or {})
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> RouteHandler:
        """Wrap FastAPI's handler, which ends with the whole response in hand."""
        handle = super().get_route_handler()

        async def handle_conditionally(request: Request) -> Response:
            response = await handle(request)
            return _tagged(request, response) if request.method == "GET" and response.status_code == 200 else response

        return handle_conditionally


class CatalogueRoute(CacheableRoute):
    """A cacheable route that may read from the replica. Its handler runs again if the replica fails meanwhile."""

    def in_session(self, handle: RouteHandler) -> RouteHandler:
        """Run FastAPI's handler in a session of the replica, else in one of the database."""
        handle_in_session = super().in_session(handle)

        async def handle_on_replica(request: Request) -> Response:
            replica = state_of(request)["database"].replica
            if replica is None or not replica.is_up:
                return await handle_in_session(request)
            current_session.set(RequestSession(replica.open_session))
            try:
                return await handle(request)
            except DBAPIError as error:
                await run_in_threadpool(replica.report_failure, error)
                return await handle_in_session(request)

        return handle_on_replica


def _tagged(request: Request, response: Response) -> Response:
    tag = f'W/"{hashlib.blake2b(response.body, digest_size=12).hexdigest()}"'
    # Shared caches must not store authenticated responses.
    caching = "private, no-cache" if "Authorization" in request.headers else "no-cache"
    response.raw_headers += [(b"etag", tag.encode()), (b"cache-control", caching.encode())]
    # A list may be sent in several lines.
    known = ",".join(request.headers.getlist("If-None-Match"))
    if not known:
        return response
    # Compared weakly (RFC 9110, 13.1.2): a proxy may have made a strong tag of ours.
    if known != "*" and tag.removeprefix("W/") not in (part.strip().removeprefix("W/") for part in known.split(",")):
        return response
    kept = {name: response.headers[name] for name in KEPT if name in response.headers}
    return Response(status_code=304, headers=kept, background=response.background)
