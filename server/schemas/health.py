"""Wire types of the health checks."""

from typing import Literal

from pydantic import Field

from server.schemas.base import ReadSchema


class Liveness(ReadSchema):
    """The process is alive."""

    status: Literal["alive"]


class Readiness(ReadSchema):
    """The process can serve requests."""

    status: Literal["ready"]
    database: str = Field(examples=["sqlite"])
    movies: int = Field(description="Movies in the search index.", examples=[9742])
    model_version: int | None = Field(
        description="The model version that this process serves; null before the first training.", examples=[3]
    )
    model_problem: str | None = Field(
        description="Why the live version cannot be served; null if it can.", examples=[None]
    )
