"""Errors as problem details (RFC 9457): the one place that turns what was raised into what is answered."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from server.errors import (
    AuthenticationError,
    BadRequest,
    BodyTooLarge,
    BodyTooSlow,
    ConflictError,
    DatabaseUnavailable,
    InvalidInputError,
    MatineeError,
    MethodNotAllowed,
    NotFoundError,
    TooBusy,
    TooManyRequests,
    UnavailableError,
)
from server.schemas.base import FieldProblem, Problem, ValidationProblem

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
# Where the `type` of a problem leads: server.routers.error_pages, on whatever host answered.
TYPE_PATH = "/errors/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
INTERNAL_ERROR = MatineeError(
    "Something went wrong on our side and was logged. Try again; if it stays, report this answer's X-Request-ID."
)

NO_JSON = "The body is not JSON that can be read"
NO_JSON_OBJECT = "Send a JSON object, with the header Content-Type: application/json"
NO_FORM = "The body is not the form it is said to be"

# What the router itself answers, before any of our code runs.
ROUTING_ERRORS = {
    404: NotFoundError("There is nothing at this path. /docs lists what there is."),
    405: MethodNotAllowed(),
    408: BodyTooSlow(),
    413: BodyTooLarge(),
}


def install(app: FastAPI) -> None:
    """Render every error of the app as problem details."""
    app.add_exception_handler(MatineeError, _matinee_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _routing_error)
    app.add_exception_handler(IntegrityError, _conflict)
    for error in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(error, _database_error)


def documented(*errors: MatineeError) -> dict[int | str, dict[str, Any]]:
    """Describe, for a route's ``responses``, the errors it may answer, each with itself as the example."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}
        response = responses.setdefault(error.status, {"description": error.title, "content": {MEDIA_TYPE: content}})
        example = {"summary": error.title, "value": problem(error, "/")}
        response["content"][MEDIA_TYPE]["examples"][error.code] = example
    return responses


def problem(error: MatineeError, instance: str) -> dict[str, Any]:
    """Build the body that answers an error of a request for this path."""
    return Problem(
        type=TYPE_PATH + error.code, title=error.title, status=error.status, detail=str(error), instance=instance
    ).model_dump()


def invalid_input(fields: list[FieldProblem], instance: str) -> dict[str, Any]:
    """Build the body that answers input which is malformed in these fields."""
    where = ", ".join(field.pointer for field in fields)
    error = InvalidInputError(f"Correct what `errors` names and send it again: {where}.")
    return ValidationProblem(**problem(error, instance), errors=fields).model_dump()


def internal_error(path: str) -> JSONResponse:
    """Answer what nobody expected, without telling its insides."""
    return _answer(path, INTERNAL_ERROR)


def too_busy(path: str) -> JSONResponse:
    """Answer a request that has waited too long for its turn."""
    return _answer(path, TooBusy())


def _response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status_code=body["status"], headers=headers, media_type=MEDIA_TYPE)


def _matinee_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MatineeError)  # noqa: S101 (registered for this class; tells the type checker)
    logger.info("%s: %s", error.code, error)
    return _answer(request.url.path, error)


def _answer(path: str, error: MatineeError) -> JSONResponse:
    return _response(problem(error, path), _headers(error))


def _headers(error: MatineeError) -> dict[str, str]:
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
        # FastAPI's answer to a body that its parser gives up on: wrong bytes, endless nesting or digits.
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
    """Name the methods that a path takes; Starlette's own header knows only those of one of its routes."""
    methods = [
        # What there is to GET can be asked for with HEAD; see server.web.middleware.headers.
        "GET, HEAD" if method == "GET" else method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    return ", ".join([*methods, "OPTIONS"])


def _conflict(request: Request, error: Exception) -> JSONResponse:
    logger.warning("a constraint of the database refused a change: %s", error)
    detail = "The data changed at the same moment. Nothing was changed by this request; look again and repeat it."
    return _answer(request.url.path, ConflictError(detail))


def _database_error(request: Request, error: Exception) -> JSONResponse:
    logger.error("the database does not answer: %s", error)
    return _answer(request.url.path, DatabaseUnavailable())


def _pointer(item: Mapping[str, Any]) -> str:
    # A JSON text that does not parse is located by a character's number, which is no place in the document.
    location = item["loc"][:1] if item["type"] == "json_invalid" else item["loc"]
    # "~" and "/" inside a name are escaped as RFC 6901 says.
    return "#/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _message(item: Mapping[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return f"The body is not JSON: {item['ctx']['error']} at character {item['loc'][-1]}"
    if item["type"] in {"model_attributes_type", "missing"} and item["loc"] == ("body",):
        return NO_JSON_OBJECT
    message: str = item["msg"]
    return message.removeprefix("Value error, ")
