"""Wire types of ratings."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from server.schemas.base import EntityId, ReadSchema, Timestamp, Total, WriteSchema


def _half_steps(stars: float) -> float:
    if stars * 2 != int(stars * 2):
        raise ValueError("must be one of 0.5, 1.0, 1.5, … 5.0")
    return stars


Stars = Annotated[
    float,
    Field(
        strict=True,
        ge=0.5,
        le=5.0,
        description="Stars, in steps of 0.5.",
        json_schema_extra={"multipleOf": 0.5},
    ),
    AfterValidator(_half_steps),
]


class RatingCreate(WriteSchema):
    """A user's rating of a movie."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": 1, "movie_id": 1, "rating": 2.0}]})

    user_id: EntityId
    movie_id: EntityId
    rating: Stars


class Rating(ReadSchema):
    """A stored rating."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"rating_id": 1, "user_id": 1, "movie_id": 1, "rating": 2.5, "timestamp": "2024-10-30T14:30:00"}
            ]
        }
    )

    rating_id: int
    user_id: int
    movie_id: int
    rating: float
    timestamp: Timestamp = Field(description="Time of the last change of the rating, in UTC.")


class RatingPage(ReadSchema):
    """A page of ratings, newest first."""

    ratings: list[Rating]
    total: Total
    page: int
    limit: int = Field(examples=[10])
