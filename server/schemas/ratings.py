"""Wire types of ratings."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from server.schemas.base import EntityId, OnRequest, Paging, PathId, ReadSchema, Timestamp, Total, WriteSchema
from server.schemas.movies import Expansion, Movie


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


class UserRating(Rating):
    """A rating in a user's list."""

    movie: OnRequest[Movie] = Field(default=None, description="The rated movie. Only with `expand=movies`.")


class RatingPage(ReadSchema):
    """A page of ratings, newest first by default."""

    ratings: list[UserRating]
    total: Total
    page: int
    limit: int = Field(examples=[10])


class RatingSort(StrEnum):
    """The orders of a user's ratings; a leading minus means descending."""

    NEWEST = "-timestamp"
    OLDEST = "timestamp"
    HIGHEST = "-rating"
    LOWEST = "rating"


class UserRatingsQuery(Paging):
    """A page of a user's ratings: the filter and the order."""

    movie_id: PathId | None = Field(default=None, description="Only the rating of this movie.")
    sort: RatingSort = Field(
        default=RatingSort.NEWEST,
        description="By time or by stars; a leading `-` means descending. Default: newest first.",
    )
    expand: list[Expansion] = Field(default=[], max_length=20, description="`movies` adds the movies themselves.")

    @property
    def expands_movies(self) -> bool:
        """Whether the movies themselves are requested."""
        return Expansion.MOVIES in self.expand
