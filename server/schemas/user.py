"""Wire types of users and their recommendations."""

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
    """The length of a list of recommendations, what to leave out, and what to include."""

    exclude_seen: Annotated[bool, Field(description="Leave out the movies that the user has rated.")] = False
    explain: Annotated[bool, Field(description="Add the reasons for each movie.")] = False


class Reason(ReadSchema):
    """A movie that the user has rated, and what the rating contributes to the score of another movie."""

    movie_id: int
    title: str
    rating: float = Field(description="The rating by the user, in stars.")
    contribution: float = Field(description="Exact share of the score, greater than 0.")


class Explanation(ReadSchema):
    """The parts of a movie's score: `score` is the sum of all contributions, `other_ratings` and `rest`."""

    model_config = ConfigDict(json_schema_extra={"examples": [BECAUSE_OF_ALIEN]})

    movie_id: int
    score: float = Field(
        description=(
            "The value that orders the list and determines the probability; it has no fixed scale. "
            "0 for a movie that is newer than the model; such movies are last."
        )
    )
    because: list[Reason] = Field(
        description=(
            "The rated movies that contribute most, at most five. Empty for a user without ratings, for "
            "a movie with too few, and with algorithms whose scores are not sums (`nmf`, `popularity`)."
        )
    )
    other_ratings: float = Field(
        description="Sum of the contributions of all other ratings of the user; can be less than 0."
    )
    rest: float = Field(
        description=(
            "The part of the score that no single rating contributes: the popularity of the movie. "
            "The whole score with algorithms whose scores are not sums (`nmf`, `popularity`)."
        )
    )


class RecommendedMovies(ReadSchema):
    """Movies for a user, best first, as two arrays of the same length."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"movie_ids": [318, 858, 50], "probabilities": [0.91, 0.902, 0.887]}]}
    )

    movie_ids: list[int]
    probabilities: list[float] = Field(
        description=(
            "Among movies recommended with this number that people go on to rate, the share that they rate 4 stars "
            "or more: P(rating >= 4 | recommended, rated), calibrated on held-out ratings. Decreases along the list."
        )
    )
    movies: OnRequest[list[Movie]] = Field(
        default=None, description="The movies in the same order. Only with `expand=movies`."
    )
    explanations: OnRequest[list[Explanation]] = Field(
        default=None, description="The reasons for each movie, in the same order. Only with `explain=true`."
    )
