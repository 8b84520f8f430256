"""Health on the wire."""

from typing import Literal

from pydantic import Field

from server.schemas.base import ReadSchema


class Liveness(ReadSchema):
    """The process answers."""

    status: Literal["alive"]


class Readiness(ReadSchema):
    """The process can serve, and with what."""

    status: Literal["ready"]
    database: str = Field(examples=["sqlite"])
    movies: int = Field(description="Movies in the search index.", examples=[9742])
    model_version: int | None = Field(
        description="The version this process serves; null before the first training.", examples=[3]
    )
    model_problem: str | None = Field(
        description="Why the live version cannot be served, where it cannot.", examples=[None]
    )
