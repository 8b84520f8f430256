"""Users and their recommendations on the wire."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from server.schemas.base import Digits, ReadSchema


class User(ReadSchema):
    """A user."""

    user_id: int = Field(examples=[611])


class RecommendationQuery(BaseModel):
    """How many movies, and which not."""

    n: Annotated[int, Field(ge=1, le=100, description="How many movies."), Digits] = 10
    exclude_seen: Annotated[bool, Field(description="Leave out the movies the user has rated.")] = False


class RecommendedMovies(ReadSchema):
    """Movies for a user, best first: two arrays of the same length."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"movie_ids": [318, 858, 50], "probabilities": [0.91, 0.902, 0.887]}]}
    )

    movie_ids: list[int]
    probabilities: list[float] = Field(
        description=(
            "Of the movies recommended with this number that people go on to rate, the share that they rate 4 stars "
            "or more: P(rating >= 4 | recommended, rated), calibrated on held-out ratings. Falls along the list."
        )
    )
