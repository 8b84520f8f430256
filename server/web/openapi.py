"""The OpenAPI document: FastAPI's own, completed for readers and for client generators."""

import re
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.errors import (
    AccessDenied,
    BodyTooLarge,
    BodyTooSlow,
    DatabaseUnavailable,
    InvalidToken,
    NotSignedIn,
    TooBusy,
    TooManyRequests,
    UnsupportedEncoding,
    WriteQueueFull,
)
from server.schemas.base import FieldProblem, Problem, ValidationProblem
from server.web.problems import INTERNAL_ERROR, MEDIA_TYPE, NO_FORM, NO_JSON_OBJECT, documented, invalid_input
from server.web.query import query_readers

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
CSV = "text/csv"
SCHEMAS = "#/components/schemas/"
LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
Json = dict[str, Any]

HEADERS = {
    "X-Request-ID": (
        "Id of the request, which also appears in the log. Taken from the request if it has one.",
        "string",
    ),
    "Cache-Control": (
        "`no-store`: do not store the response; `no-cache`: revalidate it with `If-None-Match` before each use; "
        "`private`: shared caches must not store it.",
        "string",
    ),
    "Server-Timing": ("`app;dur=`: milliseconds that the server needed.", "string"),
    "ETag": ("Version of the response for `If-None-Match`. It changes whenever the body does.", "string"),
    "Retry-After": ("Seconds to wait before trying again.", "integer"),
    "WWW-Authenticate": ("The challenge: a bearer token is required (RFC 6750).", "string"),
}
ALWAYS = ("X-Request-ID", "Cache-Control", "Server-Timing")
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of a stored response. If it is still current, the server answers 304.",
    "schema": {"type": "string"},
}


def install(app: FastAPI, *, has_authentication: bool) -> None:
    """Make the app serve this document, which mentions tokens only if authentication is on."""
    app.openapi = lambda: _document(app, has_authentication=has_authentication)  # type: ignore[method-assign]  # FastAPI's own way to change the document


def _document(app: FastAPI, *, has_authentication: bool) -> Json:
    if app.openapi_schema is None:
        document: Json = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            servers=app.servers,
            routes=app.routes,
            license_info=app.license_info,
        )
        if not has_authentication:
            _open(document)
        for route in iter_route_contexts(app.routes):
            if isinstance(route.original_route, APIRoute) and route.original_route.include_in_schema:
                for reader in query_readers(route.original_route.dependant):
                    _add_query(document, route.path_format or "", route.methods or (), reader.model)
        _complete_components(document["components"])
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _complete_operation(operation, method, path, document["components"]["schemas"])
        app.openapi_schema = document
    return app.openapi_schema or {}


def _add_query(document: Json, path: str, methods: Iterable[str], model: type[BaseModel]) -> None:
    """Document the parameters that a `QueryReader` reads, which FastAPI does not know."""
    schema = model.model_json_schema(ref_template=SCHEMAS + "{model}")
    document["components"]["schemas"] |= schema.get("$defs", {})
    required = schema.get("required", [])
    parameters = [
        {"name": name, "in": "query", "required": name in required, "schema": inner}
        | {key: inner[key] for key in ("description",) if key in inner}
        for name, inner in schema["properties"].items()
    ]
    operations = document["paths"][path]
    for method in map(str.lower, methods):
        known = operations[method]
        # Before the responses, as in the rest of the document.
        responses = known.pop("responses")
        known.setdefault("parameters", []).extend(parameters)
        known["responses"] = responses


def _open(document: Json) -> None:
    """Remove what FastAPI says about tokens."""
    document["components"].pop("securitySchemes", None)
    for operations in document["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)


def _complete_operation(operation: Json, method: str, path: str, schemas: Json) -> None:
    for parameter in operation.get("parameters", []):
        parameter["schema"] = _without_noise(_without_null(parameter["schema"]))
    _describe_errors(operation, method, path)
    _describe_headers(operation)
    _describe_successes(operation, schemas)
    operation["responses"] = dict(sorted(operation["responses"].items()))
    for part in [operation.get("requestBody", {}), *operation["responses"].values()]:
        for media_type in {JSON, FORM, CSV} & part.get("content", {}).keys():
            content = part["content"][media_type]
            content.setdefault("example", example(content["schema"], schemas))


def example(schema: Json, schemas: Json) -> Any:  # noqa: ANN401 (any JSON value)
    """Return a value that fits a schema, built from the examples in it and in the schemas that it refers to."""
    if "examples" in schema:
        return _in_full(schema["examples"][0], schema)
    if "$ref" in schema:
        return example(schemas[schema["$ref"].removeprefix(SCHEMAS)], schemas)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], schemas)
    if "properties" in schema:
        return {name: example(inner, schemas) for name, inner in schema["properties"].items()}
    if "items" in schema:
        return [example(schema["items"], schemas)]
    plain = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "object": {}}
    choices = schema.get("enum", [schema.get("minimum", plain.get(schema.get("type", "null")))])
    return schema.get("const", choices[0])


def _in_full(given: Any, schema: Json) -> Any:  # noqa: ANN401 (any JSON value)
    """Return an example with its fields in the order of the schema and with nulls, which FastAPI drops."""
    if "properties" not in schema:
        return given
    shown = [name for name in schema["properties"] if name in given or name in schema.get("required", [])]
    return {name: given.get(name) for name in shown}


def _complete_components(components: Json) -> None:
    """Replace FastAPI's error schemas with ours, and add the headers."""
    schemas = components["schemas"]
    problems = models_json_schema(
        [(Problem, "serialization"), (ValidationProblem, "serialization")], ref_template=SCHEMAS + "{model}"
    )
    schemas |= problems[1]["$defs"]
    for foreign in ("HTTPValidationError", "ValidationError"):
        schemas.pop(foreign, None)
    for schema in schemas.values():
        if "properties" in schema:
            schema["properties"] = {
                name: _with_whole_limits(_without_noise(inner)) for name, inner in schema["properties"].items()
            }
        if "example" in schema:
            # The name in JSON Schema, which OpenAPI 3.1 uses.
            schema["examples"] = [schema.pop("example")]
        if "examples" in schema:
            schema["examples"] = [_in_full(given, schema) for given in schema["examples"]]
    components["schemas"] = dict(sorted(schemas.items()))
    components["headers"] = {
        name: {"description": description, "schema": {"type": kind}} for name, (description, kind) in HEADERS.items()
    }
    components["parameters"] = {"If-None-Match": IF_NONE_MATCH}


def _without_noise(schema: Json) -> Json:
    """Remove the title that Pydantic derives from the name of a field; generators print it as a description."""
    return {key: value for key, value in schema.items() if key != "title"}


def _with_whole_limits(schema: Json) -> Json:
    """Write the limits of integers as integers, where FastAPI writes floats."""
    if schema.get("type") != "integer":
        return schema
    return schema | {limit: int(schema[limit]) for limit in LIMITS if limit in schema}


def _without_null(schema: Json) -> Json:
    """Remove the null of an optional parameter, which a query string cannot express."""
    choices: list[Json] = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) != 1:
        return schema
    return {key: value for key, value in schema.items() if key not in {"anyOf", "default"}} | choices[0]


def _describe_errors(operation: Json, method: str, path: str) -> None:
    responses = operation["responses"]
    errors = [INTERNAL_ERROR, DatabaseUnavailable()]
    errors += [TooBusy()] if method == "get" else [WriteQueueFull(), TooManyRequests(60)]
    if "security" in operation:
        errors += [NotSignedIn(), InvalidToken(), AccessDenied()]
    if "requestBody" in operation:
        errors += [BodyTooSlow(), BodyTooLarge(), UnsupportedEncoding("gzip")]
    for status, described in documented(*errors).items():
        known = responses.setdefault(str(status), described)
        known["content"][MEDIA_TYPE]["examples"] |= described["content"][MEDIA_TYPE]["examples"]
    responses["422"] = _merged_invalid_input(_invalid_input(operation), responses.get("422", {}))
    for response in responses.values():
        for shown in response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {}).values():
            # The examples use the id 0.
            shown["value"] = shown["value"] | {"instance": re.sub(r"\{\w+\}", "0", path)}


def _merged_invalid_input(invalid_input: Json, documented_by_route: Json) -> Json:
    """Return the response of invalid input, together with another problem of status 422 that a route documents."""
    content = documented_by_route.get("content", {}).get(MEDIA_TYPE)
    if content is None:
        return invalid_input
    merged = invalid_input["content"][MEDIA_TYPE]
    merged["schema"] = {"anyOf": [merged["schema"], content["schema"]]}
    merged["examples"] |= content["examples"]
    return invalid_input


def _invalid_input(operation: Json) -> Json:
    path_or_query = [item for item in operation.get("parameters", []) if item["in"] in {"path", "query"}]
    if "requestBody" in operation:
        is_form = FORM in operation["requestBody"]["content"]
        field = FieldProblem(pointer="#/body", message=NO_FORM if is_form else NO_JSON_OBJECT)
    elif not path_or_query:
        field = FieldProblem(pointer="#/query/limit", message="Unknown query parameter 'limit'. This path takes none.")
    else:
        first = path_or_query[0]
        field = FieldProblem(
            pointer=f"#/{first['in']}/{first['name']}", message="is not a whole number written in digits"
        )
    value = invalid_input([field], "/")
    examples = {"invalid-input": {"summary": value["title"], "value": value}}
    schema = {"$ref": f"{SCHEMAS}ValidationProblem"}
    return {"description": value["title"], "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}}}


def _describe_headers(operation: Json) -> None:
    responses = operation["responses"]
    if "304" in responses:
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/If-None-Match"})
    for status, response in responses.items():
        names = list(ALWAYS)
        if "304" in responses and status in {"200", "304"}:
            names.append("ETag")
        if status == "401":
            names.append("WWW-Authenticate")
        if status in {"429", "503"}:
            names.append("Retry-After")
        response.setdefault("headers", {}).update({name: {"$ref": f"#/components/headers/{name}"} for name in names})


def _describe_successes(operation: Json, schemas: Json) -> None:
    """Describe a response by its schema if the route does not describe it."""
    for response in operation["responses"].values():
        if response["description"] == "Successful Response":
            reference = response.get("content", {}).get(JSON, {}).get("schema", {}).get("$ref", "")
            schema = schemas.get(reference.removeprefix(SCHEMAS), {})
            response["description"] = schema.get("description", "Success. The body is empty.")
