"""Problem details (RFC 9457): turns every error that is raised into a response."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from server.errors import (
    ApiError,
    AuthenticationError,
    BadRequest,
    BodyTooLarge,
    BodyTooSlow,
    ConflictError,
    CrossOriginRefused,
    DatabaseUnavailable,
    InvalidField,
    InvalidInputError,
    MethodNotAllowed,
    NotFoundError,
    TooBusy,
    TooManyRequests,
    UnavailableError,
)
from server.schemas.base import FieldProblem, Problem, ValidationProblem
from server.web.error_pages import explain

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
# The `type` of a problem is a path on the host that answered; server.routers.error_pages serves it.
TYPE_PATH = "/errors/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
INTERNAL_ERROR = ApiError("An unexpected error occurred and was logged.")

NO_JSON = "The body is not valid JSON"
NO_JSON_OBJECT = "Send a JSON object, with the header Content-Type: application/json"
NO_FORM = "The body is not a valid form"

# Errors that Starlette raises before any of our code runs.
ROUTING_ERRORS = {
    404: NotFoundError("This path does not exist."),
    405: MethodNotAllowed(),
    408: BodyTooSlow(),
    413: BodyTooLarge(),
}


def install(app: FastAPI) -> None:
    """Render every error of the app as problem details."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _routing_error)
    app.add_exception_handler(IntegrityError, _conflict)
    for error in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(error, _database_error)


def documented(*errors: ApiError) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that may answer these errors, with each error as an example."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        response = responses.setdefault(error.status, {"description": error.title, "content": {MEDIA_TYPE: content}})
        example = {"summary": error.title, "value": problem(error, "/")}
        response["content"][MEDIA_TYPE]["examples"][error.code] = example
    return responses


def problem(error: ApiError, instance: str) -> dict[str, Any]:
    """Return the body of an error response; ``instance`` is the path of the request."""
    return Problem(
        type=TYPE_PATH + error.code, title=error.title, status=error.status, detail=explain(error), instance=instance
    ).model_dump()


def invalid_input(fields: list[FieldProblem], instance: str) -> dict[str, Any]:
    """Return the body of a validation error in these fields."""
    where = ", ".join(field.pointer for field in fields)
    error = InvalidInputError(f"The request is not valid: {where}.")
    return ValidationProblem(**problem(error, instance), errors=fields).model_dump()


def internal_error(path: str) -> JSONResponse:
    """Return the response to an unexpected error, which reveals nothing about it."""
    return _answer(path, INTERNAL_ERROR)


def too_busy(path: str) -> JSONResponse:
    """Return the response to a request that waited too long for its turn."""
    return _answer(path, TooBusy())


def cross_origin_refused(path: str, error: CrossOriginRefused) -> JSONResponse:
    """Return the response to a refused preflight request."""
    return _answer(path, error)


def _response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status_code=body["status"], headers=headers, media_type=MEDIA_TYPE)


def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)  # noqa: S101 (registered for this class; informs the type checker)
    logger.info("%s: %s", error.code, error)
    if isinstance(error, InvalidField):
        field = FieldProblem(pointer=error.pointer, message=str(error))
        return _response(invalid_input([field], request.url.path))
    return _answer(request.url.path, error)


def _answer(path: str, error: ApiError) -> JSONResponse:
    return _response(problem(error, path), _headers(error))


def _headers(error: ApiError) -> dict[str, str]:
    match error:
        case AuthenticationError():
            return {"WWW-Authenticate": error.challenge}
        case TooManyRequests():
            return {"Retry-After": str(error.retry_after_s)}
        case UnavailableError():
            return {"Retry-After": str(RETRY_AFTER_S)}
    return {}


def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
    fields = [FieldProblem(pointer=_pointer(item), message=_message(item)) for item in error.errors()]
    return _response(invalid_input(fields, request.url.path))


def _routing_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (as above)
    if error.status_code == 400:
        # FastAPI raises 400 when its parser gives up on a body: invalid bytes, deep nesting, too many digits.
        field = FieldProblem(pointer="#/body", message=NO_FORM if _is_form(request) else NO_JSON)
        return _response(invalid_input([field], request.url.path))
    headers = {"Allow": _allowed_methods(request)} if error.status_code == 405 else error.headers
    if error.status_code == 405 and request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    found = ROUTING_ERRORS.get(error.status_code) or BadRequest(error.detail)
    return _response(problem(found, request.url.path), headers)


def _is_form(request: Request) -> bool:
    return "form" in request.headers.get("Content-Type", "")


def _allowed_methods(request: Request) -> str:
    """Return the methods of a path. Starlette's own header lists only those of one of its routes.

    A path of its own, like ``/user/me``, goes before one with parameters that it matches, like ``/user/{user_id}``.
    """
    routes = request.app.routes
    path = request.scope["path"]
    own = {method for route in iter_route_contexts(routes) if route.path == path for method in route.methods or ()}
    methods = [
        # Every GET also answers HEAD; see server.web.middleware.edge.
        "GET, HEAD" if method == "GET" else method
        for method in METHODS
        if method in own or (not own and any(_answers(route, request, method) for route in routes))
    ]
    return ", ".join([*methods, "OPTIONS"])


def _answers(route: BaseRoute, request: Request, method: str) -> bool:
    return route.matches({**request.scope, "method": method})[0] is Match.FULL


def _conflict(request: Request, error: Exception) -> JSONResponse:
    logger.warning("a database constraint rejected a change: %s", error)
    detail = "The data changed at the same moment. This request changed nothing."
    return _answer(request.url.path, ConflictError(detail))


def _database_error(request: Request, error: Exception) -> JSONResponse:
    logger.error("the database does not respond: %s", error)
    return _answer(request.url.path, DatabaseUnavailable())


def _pointer(item: Mapping[str, Any]) -> str:
    # The location of a JSON syntax error is a character number, which is not part of a pointer.
    location = item["loc"][:1] if item["type"] == "json_invalid" else item["loc"]
    # RFC 6901 escapes "~" and "/" inside a name.
    return "#/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _message(item: Mapping[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return f"The body is not JSON: {item['ctx']['error']} at character {item['loc'][-1]}"
    if item["type"] in {"model_attributes_type", "missing"} and item["loc"] == ("body",):
        return NO_JSON_OBJECT
    message: str = item["msg"]
    return message.removeprefix("Value error, ")
