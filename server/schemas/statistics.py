"""The size of the installation on the wire."""

from typing import Literal

from pydantic import ConfigDict, Field

from server.schemas.base import ReadSchema


class Statistics(ReadSchema):
    """The amount of data."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "movies": 9742,
                    "users": 610,
                    "ratings": 100_839,
                    "ratings_since_live_model": 3,
                    "database": "sqlite",
                    "version": "0.2.0",
                }
            ]
        }
    )

    movies: int
    users: int
    ratings: int
    ratings_since_live_model: int | None = Field(
        description="Ratings that were added since the data of the live model was read; null without a model."
    )
    database: Literal["sqlite", "postgresql"]
    version: str = Field(description="The release of Matinee.")
