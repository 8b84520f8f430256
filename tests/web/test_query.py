"""Query strings are read into models in one pass, with the errors of all parameters."""

import anyio
import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from server.schemas.movies import MovieQuery
from server.web.query import QueryReader
from tests.support.tables import for_each


def read(model: type[BaseModel], query: str) -> BaseModel:
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    return anyio.run(QueryReader(model), request)


@for_each(
    ("query", "expected"),
    [
        ("", {}),
        ("limit=5&page=2", {"limit": 5, "page": 2}),
        ("limit=5&limit=7", {"limit": 7}),
        ("genre=Comedy&genre=War&tag=pixar", {"genre": ["Comedy", "War"], "tag": ["pixar"]}),
        ("movie_id=3", {"movie_id": [3]}),
        ("search=%C3%BC+%26&facets=true", {"search": "ü &", "facets": True}),
    ],
)
def test_parameters_are_converted_and_the_others_have_their_defaults(query: str, expected: dict[str, object]) -> None:
    assert read(MovieQuery, query) == MovieQuery.model_validate(expected)


def test_each_wrong_parameter_is_an_error_with_its_place() -> None:
    with pytest.raises(RequestValidationError) as caught:
        read(MovieQuery, "limit=0&genre=War&movie_id=1&movie_id=x")

    assert [error["loc"] for error in caught.value.errors()] == [("query", "limit"), ("query", "movie_id", 1)]
