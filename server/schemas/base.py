"""What all wire types share: strict bodies, 64-bit ids, times as written in the contract, problem details."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

# Ids are smaller, and so fit 64 bits. A float, which is what limits are in the OpenAPI document, holds it exactly.
ID_LIMIT = 2**63
MAX_ID = ID_LIMIT - 1

# JSON integers of a body: strict, so that "1", 1.0 and true are refused.
EntityId = Annotated[int, Field(strict=True, ge=1, lt=ID_LIMIT)]


def _digits(value: Any) -> Any:  # noqa: ANN401 (whatever the query string held)
    """Refuse what Python's ``int`` would take but no client means: "1.0", "1_000", " 1 "."""
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,20}", value):
        raise ValueError("is not a whole number written in digits")
    return value


# Whole numbers in a path or a query string, which arrive as text.
Digits = BeforeValidator(_digits)
# The bounds stand before the check of the digits, for only there Pydantic tells them to the OpenAPI document.
PathId = Annotated[int, Field(ge=1, lt=ID_LIMIT, examples=[1]), Digits]


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


Timestamp = Annotated[
    datetime,
    PlainSerializer(_written, return_type=str),
    WithJsonSchema({
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$",
        "description": "A moment in UTC, without offset and fraction.",
        "examples": ["2024-10-30T14:30:00"],
    }),
]


class ReadSchema(BaseModel):
    """What Matinee answers; no defaults, so that every field is always there, but for those that are `OnRequest`."""

    model_config = ConfigDict(frozen=True)


PartT = TypeVar("PartT")

# A part of an answer that is there only if asked for: None here, on the wire absent and never null.
OnRequest = Annotated[PartT | SkipJsonSchema[None], Field(exclude_if=lambda part: part is None)]


class WriteSchema(BaseModel):
    """What a client sends; an unknown field is an error, for it is most likely a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Limit = Annotated[int, Field(ge=1, le=100, description="Entries on a page."), Digits]


class Paging(BaseModel):
    """Which page of a list."""

    limit: Limit = 10
    page: Annotated[int, Field(ge=1, le=1_000_000, description="Number of the page, from 1."), Digits] = 1

    @property
    def offset(self) -> int:
        """Entries before this page."""
        return (self.page - 1) * self.limit


Total = Annotated[int, Field(description="Entries in the whole list, exactly.", examples=[150])]


class PageRead(Protocol):
    """What all pages of a list have, behind entries under the list's own name."""

    @property
    def total(self) -> int: ...  # noqa: D102 (see Total)
    @property
    def page(self) -> int: ...  # noqa: D102 (as asked for)
    @property
    def limit(self) -> int: ...  # noqa: D102 (as asked for)


class FieldProblem(ReadSchema):
    """What is wrong with one field."""

    pointer: str = Field(description="Where: `#/body/rating`, `#/query/limit`, …", examples=["#/body/rating"])
    message: str = Field(examples=["Input should be a multiple of 0.5"])


class Problem(ReadSchema):
    """Problem details (RFC 9457)."""

    type: str = Field(
        description="Stable name of the kind of problem, and the path of a text about it.",
        examples=["/errors/movie-not-found"],
        json_schema_extra={"format": "uri-reference"},
    )
    title: str = Field(examples=["Movie not found"])
    status: int = Field(examples=[404])
    detail: str = Field(
        description="What went wrong this time and what to do next.",
        examples=["Movie 0 does not exist. Search for it with GET /movies."],
    )
    instance: str = Field(description="The path that was asked for.", examples=["/api/rest/v1/movies/0"])


class ValidationProblem(Problem):
    """Problem details of input that is malformed, field by field."""

    errors: list[FieldProblem]
