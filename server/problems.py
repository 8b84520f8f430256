"""Errors as problem details (RFC 9457): the one place that turns what was raised into what is answered."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic.json_schema import models_json_schema
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from server.errors import MatineeError, UnavailableError
from server.schemas.base import Problem, ValidationProblem

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

# What the router itself answers, before any of our code runs.
ROUTING_PROBLEMS = {
    404: ("not-found", "Not found", "There is nothing at this path. /docs lists what there is."),
    413: ("too-large", "Too large", "The body is larger than 64 KiB; no request of this API needs so much."),
    405: (
        "method-not-allowed",
        "Method not allowed",
        "This path does not take this method; the Allow header says which it takes.",
    ),
}

COMMON_HEADERS = {
    "X-Request-ID": {
        "description": "Id of this request, also in the log; the client's own if it sent one.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}},
}


def install(app: FastAPI) -> None:
    """Render every error of the app as problem details, and say so in its OpenAPI document."""
    app.add_exception_handler(MatineeError, _matinee_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _routing_error)
    app.add_exception_handler(IntegrityError, _conflict)
    for error in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(error, _database_error)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's own way to change the document


def documented(*errors: MatineeError) -> dict[int | str, dict[str, Any]]:
    """Describe, for a route's ``responses``, the errors it may answer, each with itself as the example."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        response = responses.setdefault(
            error.status,
            {
                "description": error.title,
                "content": {MEDIA_TYPE: {"schema": _reference(Problem), "examples": {}}},
            },
        )
        body = problem(error.status, error.code, error.title, str(error), "/api/rest/v1/…")
        response["content"][MEDIA_TYPE]["examples"][error.code] = {"summary": error.title, "value": body}
    return responses


def problem(status: int, code: str, title: str, detail: str, instance: str) -> dict[str, Any]:
    """Build the body of a problem."""
    return Problem(
        type=f"urn:matinee:problem:{code}", title=title, status=status, detail=detail, instance=instance
    ).model_dump()


def internal_error(path: str) -> JSONResponse:
    """Answer what nobody expected, without telling its insides."""
    body = problem(
        500,
        "internal-error",
        "Internal error",
        "Something went wrong on our side and was logged. Try again; if it stays, report this answer's X-Request-ID.",
        path,
    )
    return _response(body)


def _response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status_code=body["status"], headers=headers, media_type=MEDIA_TYPE)


def _matinee_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MatineeError)  # noqa: S101 (registered for this class; tells the type checker)
    logger.info("%s: %s", error.code, error)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if isinstance(error, UnavailableError) else None
    return _response(problem(error.status, error.code, error.title, str(error), request.url.path), headers)


def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
    return _invalid_input(request, [{"pointer": _pointer(item), "message": _message(item)} for item in error.errors()])


def _invalid_input(request: Request, fields: list[dict[str, str]]) -> JSONResponse:
    where = ", ".join(field["pointer"] for field in fields)
    body = problem(
        422,
        "invalid-input",
        "Invalid input",
        f"Correct what `errors` names and send it again: {where}.",
        request.url.path,
    )
    return _response(body | {"errors": fields})


def _routing_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (as above)
    if error.status_code == 400:
        # FastAPI's answer to a body that its JSON parser gives up on: wrong bytes, endless nesting or digits.
        return _invalid_input(request, [{"pointer": "#/body", "message": "The body is not JSON that can be read"}])
    code, title, detail = ROUTING_PROBLEMS.get(error.status_code, ("bad-request", "Bad request", error.detail))
    headers = {"Allow": _allowed_methods(request)} if error.status_code == 405 else error.headers
    return _response(problem(error.status_code, code, title, detail, request.url.path), headers)


def _allowed_methods(request: Request) -> str:
    """Name the methods that a path takes; Starlette's own header knows only those of one of its routes."""
    return ", ".join(
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    )


def _conflict(request: Request, error: Exception) -> JSONResponse:
    logger.warning("a constraint of the database refused a change: %s", error)
    detail = "The data changed at the same moment. Nothing was changed by this request; look again and repeat it."
    return _response(problem(409, "conflict", "Conflict", detail, request.url.path))


def _database_error(request: Request, error: Exception) -> JSONResponse:
    logger.error("the database does not answer: %s", error)
    body = problem(
        503,
        "database-unavailable",
        "Database unavailable",
        "The database does not answer, or a long write such as an ingestion holds it. Nothing was changed; try again.",
        request.url.path,
    )
    return _response(body, {"Retry-After": str(RETRY_AFTER_S)})


def _pointer(item: Mapping[str, Any]) -> str:
    # A JSON text that does not parse is located by a character's number, which is no place in the document.
    location = item["loc"][:1] if item["type"] == "json_invalid" else item["loc"]
    # "~" and "/" inside a name are escaped as RFC 6901 says.
    return "#/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _message(item: Mapping[str, Any]) -> str:
    if item["type"] == "json_invalid":
        return f"The body is not JSON: {item['ctx']['error']} at character {item['loc'][-1]}"
    if item["type"] in {"model_attributes_type", "missing"} and item["loc"] == ("body",):
        return "Send a JSON object, with the header Content-Type: application/json"
    message: str = item["msg"]
    return message.removeprefix("Value error, ")


def _reference(model: type[Problem]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _document(app: FastAPI) -> dict[str, Any]:
    """Give the OpenAPI document, with problem details where FastAPI would put its own error shapes."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        for path in document["paths"].values():
            for operation in path.values():
                _describe_common_errors(operation)
        _, problems = models_json_schema(
            [(Problem, "serialization"), (ValidationProblem, "serialization")],
            ref_template="#/components/schemas/{model}",
        )
        schemas = document["components"]["schemas"]
        schemas.update(problems["$defs"])
        _write_limits_whole(schemas)
        document["components"]["headers"] = COMMON_HEADERS
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        app.openapi_schema = document
    return app.openapi_schema


def _write_limits_whole(schemas: dict[str, Any]) -> None:
    """Write limits of integers as integers.

    FastAPI makes floats of them, and 9.223372036854776e+18, read as it is written, is more than 64 bits hold.
    """
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            if field.get("type") == "integer":
                field.update({limit: int(field[limit]) for limit in LIMITS if limit in field})


def _describe_common_errors(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    descriptions = {"500": "Internal error", "503": "Database unavailable; `Retry-After` says when to try again"}
    if "requestBody" in operation:
        descriptions["413"] = "Body too large"
    if "422" in responses:
        responses["422"] = {
            "description": "Invalid input",
            "content": {MEDIA_TYPE: {"schema": _reference(ValidationProblem)}},
        }
    for status, description in descriptions.items():
        responses.setdefault(
            status, {"description": description, "content": {MEDIA_TYPE: {"schema": _reference(Problem)}}}
        )
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        headers["X-Request-ID"] = {"$ref": "#/components/headers/X-Request-ID"}
        if status == "503":
            headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
