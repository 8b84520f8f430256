"""Foundations of the wire types: strict bodies, ids, times, pages, problem details."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

ID_LIMIT = 2**53
"""Ids are smaller, so that JavaScript reads them exactly."""

MAX_ID = ID_LIMIT - 1

EntityId = Annotated[int, Field(strict=True, ge=1, lt=ID_LIMIT)]
"""An id in a JSON body. Strict: "1", 1.0 and true are refused."""


def _digits(value: Any) -> Any:  # noqa: ANN401 (any value of a query string)
    """Refuse texts that Python's ``int`` accepts but no client means: "1.0", "1_000", " 1 "."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,20}", value):
        raise ValueError("is not a whole number written in digits")
    return value


Digits = BeforeValidator(_digits)
"""Validates a whole number in a path or a query string, which arrives as text."""

# Pydantic puts bounds into the OpenAPI document only if they precede the validator.
PathId = Annotated[int, Field(ge=1, lt=ID_LIMIT, examples=[1]), Digits]


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


Timestamp = Annotated[
    datetime,
    PlainSerializer(_written, return_type=str),
    WithJsonSchema({
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$",
        "description": 'A time in UTC, without offset and fraction. In JavaScript: `new Date(t + "Z")`.',
        "examples": ["2024-10-30T14:30:00"],
    }),
]


class ReadSchema(BaseModel):
    """The base of responses. Without defaults, so that every field but those `OnRequest` is present."""

    model_config = ConfigDict(frozen=True)


PartT = TypeVar("PartT")

OnRequest = Annotated[PartT | SkipJsonSchema[None], Field(exclude_if=lambda part: part is None)]
"""A part of a response that is present only on request: None in Python, absent and never null in JSON."""


class WriteSchema(BaseModel):
    """The base of request bodies. An unknown field is an error, because it is probably misspelt."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Limit = Annotated[int, Field(ge=1, le=100, description="Number of entries on a page."), Digits]


class Paging(BaseModel):
    """A page of a list."""

    limit: Limit = 10
    page: Annotated[int, Field(ge=1, le=1_000_000, description="Number of the page, starting at 1."), Digits] = 1

    @property
    def offset(self) -> int:
        """The number of entries before this page."""
        return (self.page - 1) * self.limit


Total = Annotated[int, Field(description="Exact number of entries in the whole list.", examples=[150])]


class PageRead(Protocol):
    """The fields of every page of a list; its entries have a name of their own."""

    @property
    def total(self) -> int: ...  # noqa: D102 (see Total)
    @property
    def page(self) -> int: ...  # noqa: D102 (as asked for)
    @property
    def limit(self) -> int: ...  # noqa: D102 (as asked for)


class FieldProblem(ReadSchema):
    """An error in one field."""

    pointer: str = Field(
        description="Location of the field: `#/body/rating`, `#/query/limit`, …", examples=["#/body/rating"]
    )
    message: str = Field(examples=["Input should be a multiple of 0.5"])


class Problem(ReadSchema):
    """Problem details (RFC 9457)."""

    type: str = Field(
        description="Stable name of the problem, and the path of a page about it.",
        examples=["/errors/movie-not-found"],
        json_schema_extra={"format": "uri-reference"},
    )
    title: str = Field(examples=["Movie not found"])
    status: int = Field(examples=[404])
    detail: str = Field(
        description="What happened and what to do.",
        examples=["Movie 0 does not exist. Search for it with GET /movies."],
    )
    instance: str = Field(description="Path of the request.", examples=["/api/rest/v1/movies/0"])


class ValidationProblem(Problem):
    """Problem details of invalid input, with an entry per field."""

    errors: list[FieldProblem]
