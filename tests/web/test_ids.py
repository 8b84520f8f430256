"""One parser for every id and number in a path or query, and every such parameter uses it."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from server.schemas.base import Digits, PathId
from server.web.query import query_readers
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

LARGEST = 2**53 - 1
IDS = {"1": 1, "007": 7, str(LARGEST): LARGEST}
NOT_IDS = [
    *("0", "-1", "1.0", "1e3", "+1", " 1", "1 ", "1_000", "0x1", "one", "true", "null", "", "1;--"),
    "\uff11",  # A digit one, but a full-width one.
    "\u0661",  # An Arabic one.
    str(LARGEST + 1),
    "9" * 5000,
]
MISSING = {
    "/api/rest/v1/movies/{}": "movie-not-found",
    "/api/rest/v1/ratings/{}": "rating-not-found",
    "/api/rest/v1/user/{}/ratings": "user-not-found",
    "/api/rest/v1/recommendation-engine/runs/{}": "run-not-found",
    "/api/rest/v1/recommendation-engine/models/{}": "model-version-not-found",
}


@for_each("text", IDS)
def test_digits_are_an_id(text: str) -> None:
    assert TypeAdapter(PathId).validate_python(text) == IDS[text]


@for_each("text", NOT_IDS)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PathId).validate_python(text)


def test_every_number_in_a_path_or_query_is_read_by_the_same_parser(app: FastAPI) -> None:
    numbers = {
        (route.path, name): field
        for context in iter_route_contexts(app.routes)
        if isinstance(route := context.original_route, APIRoute)
        for name, field in (*_path_fields(route.dependant), *_query_fields(route.dependant))
        if "int" in str(field.annotation)
    }

    assert {name for _, name in numbers} >= {"movie_id", "rating_id", "user_id", "run_id", "version", "limit", "page"}
    assert [place for place, field in numbers.items() if not _has_digits(field)] == []


def _path_fields(dependant: Dependant) -> Iterator[tuple[str, FieldInfo]]:
    assert dependant.query_params == []  # they would be read field by field
    yield from ((parameter.name, parameter.field_info) for parameter in dependant.path_params)
    for other in dependant.dependencies:
        yield from _path_fields(other)


def _query_fields(dependant: Dependant) -> Iterator[tuple[str, FieldInfo]]:
    for reader in query_readers(dependant):
        yield from reader.model.model_fields.items()


def _has_digits(field: FieldInfo) -> bool:
    return Digits in field.metadata or repr(Digits) in repr(field.annotation)


@for_each("path", MISSING)
def test_an_id_that_is_none_is_located_and_the_largest_is_an_id_like_any_other(client: TestClient, path: str) -> None:
    refused = assert_problem(client.get(path.format("1.0")), 422, "invalid-input")
    missing = assert_problem(client.get(path.format(LARGEST)), 404, MISSING[path])

    assert [error["pointer"].startswith("#/path/") for error in refused["errors"]] == [True]
    assert str(LARGEST) in missing["detail"]
