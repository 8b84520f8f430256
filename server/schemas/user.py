"""Users and their recommendations on the wire."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from server.schemas.base import OnRequest, ReadSchema
from server.schemas.movies import BestMoviesQuery, Movie

BECAUSE_OF_ALIEN: JsonDict = {
    "movie_id": 1200,
    "score": 0.375,
    "because": [{"movie_id": 1214, "title": "Alien", "rating": 5.0, "contribution": 0.25}],
    "other_ratings": 0.0625,
    "rest": 0.0625,
}


class User(ReadSchema):
    """A user."""

    user_id: int = Field(examples=[611])


class RecommendationQuery(BestMoviesQuery):
    """How many movies, which not, and what to say of them."""

    exclude_seen: Annotated[bool, Field(description="Leave out the movies the user has rated.")] = False
    explain: Annotated[bool, Field(description="Add, for each movie, what speaks for it.")] = False


class Reason(ReadSchema):
    """A movie the user has rated, and what his rating adds to the score of another."""

    movie_id: int
    title: str
    rating: float = Field(description="The stars the user gave it.")
    contribution: float = Field(description="Its exact share of the score; greater than 0.")


class Explanation(ReadSchema):
    """Where a movie's score comes from: `score` is the sum of all contributions, `other_ratings` and `rest`."""

    model_config = ConfigDict(json_schema_extra={"examples": [BECAUSE_OF_ALIEN]})

    movie_id: int
    score: float = Field(
        description=(
            "What the list is ordered by, of no fixed scale; the probability is made from it. "
            "0 for a movie that is newer than the model, which has no score and ends the list."
        )
    )
    because: list[Reason] = Field(
        description=(
            "The rated movies that speak for it most, at most five, the strongest first. Empty where none does: for a "
            "user without ratings, a movie with too few, and under algorithms that do not add up (`nmf`, `popularity`)."
        )
    )
    other_ratings: float = Field(
        description="What all other ratings of the user add together; less than 0 if they speak against the movie."
    )
    rest: float = Field(
        description=(
            "What no single rating has a part in: how popular the movie is. "
            "Under algorithms that do not add up (`nmf`, `popularity`) it is the whole score."
        )
    )


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
    movies: OnRequest[list[Movie]] = Field(
        default=None, description="The movies themselves, in the same order. Only with `expand=movies`."
    )
    explanations: OnRequest[list[Explanation]] = Field(
        default=None, description="What speaks for each movie, in the same order. Only with `explain=true`."
    )
