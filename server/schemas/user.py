"""Wire types of users and their recommendations."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, field_validator
from pydantic.config import JsonDict

from server.schemas.base import EntityId, OnRequest, ReadSchema, WriteSchema
from server.schemas.movies import BestMoviesQuery, Expansion, GenreMatch, Movie, Year, check_years
from server.schemas.ratings import Stars

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


PASSWORD_LENGTHS = range(12, 1025)
"""Length makes a password hard to guess; a much longer one is a mistake."""


USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,31}")

USERNAME_RULE = "3 to 32 letters, digits, `_`, `.` and `-`, beginning with a letter"


def _checked_username(username: str) -> str:
    if USERNAME.fullmatch(username) is None:
        raise ValueError(f"A name has {USERNAME_RULE.replace('`', '')}")
    return username


def _checked_password(password: SecretStr) -> SecretStr:
    if len(password.get_secret_value()) not in PASSWORD_LENGTHS:
        raise ValueError(f"A password has {PASSWORD_LENGTHS[0]} to {PASSWORD_LENGTHS[-1]} characters")
    return password


NewPassword = Annotated[
    SecretStr,
    AfterValidator(_checked_password),
    Field(description="12 to 1024 characters.", examples=["correct horse battery"]),
]


class UserCreate(WriteSchema):
    """An account to sign in with."""

    username: Annotated[str, AfterValidator(_checked_username)] = Field(
        description=f"{USERNAME_RULE}. Case makes no difference.",
        examples=["ripley"],
        json_schema_extra={"pattern": f"^{USERNAME.pattern}$"},
    )
    password: NewPassword


class PasswordChange(WriteSchema):
    """The current password and a new one."""

    current_password: SecretStr = Field(examples=["correct horse battery"])
    new_password: NewPassword


class UserProfile(ReadSchema):
    """A user."""

    user_id: int = Field(examples=[611])
    username: str | None = Field(description="In lower case; null for users without one.", examples=["ripley"])
    role: Literal["user", "admin"] | None = Field(description="Null for users who cannot sign in.", examples=["user"])
    total_ratings: int = Field(examples=[42])


class RecommendationQuery(BestMoviesQuery):
    """The length of a list of recommendations, what to leave out, and what to include."""

    genre: list[str] = Field(
        default=[],
        max_length=20,
        description="Name of a genre in any case, or its id. Can be repeated. An unknown genre is an error.",
        examples=[["Comedy"]],
    )
    genre_match: Annotated[GenreMatch, Field(description="Whether a movie needs all the genres, or any.")] = (
        GenreMatch.ALL
    )
    year_from: Year | None = Field(default=None, description="First year, inclusive.")
    year_to: Year | None = Field(default=None, description="Last year, inclusive; not before `year_from`.")
    min_probability: float = Field(
        default=0, ge=0, le=1, description="Smallest probability; the list may be shorter.", examples=[0.7]
    )
    exclude_seen: Annotated[bool, Field(description="Leave out the movies that the user has rated.")] = False
    explain: Annotated[bool, Field(description="Add the reasons for each movie.")] = False

    _not_before_year_from = field_validator("year_to")(check_years)

    @property
    def filters_movies(self) -> bool:
        """Whether genres or years limit the movies."""
        return bool(self.genre) or self.year_from is not None or self.year_to is not None


class GuestRating(WriteSchema):
    """A rating that is not stored."""

    movie_id: EntityId
    rating: Stars


class RecommendationRequest(WriteSchema):
    """Ratings to recommend by, the oldest first, and the same options as for a stored user. Nothing is stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"ratings": [{"movie_id": 1, "rating": 5.0}, {"movie_id": 2, "rating": 3.5}], "n": 3},
            ]
        }
    )

    ratings: list[GuestRating] = Field(max_length=10_000, description="At most one for each movie; may be empty.")
    n: Annotated[int, Field(strict=True, ge=1, le=100, description="Maximum number of movies.")] = 10
    exclude_seen: Annotated[bool, Field(strict=True, description="Leave out the rated movies.")] = False
    explain: Annotated[bool, Field(strict=True, description="Add the reasons for each movie.")] = False
    expand: list[Expansion] = Field(default=[], max_length=20, description="`movies` adds the movies.")
    genre: list[str] = Field(
        default=[], max_length=20, description="Names of genres in any case, or ids as text.", examples=[["Comedy"]]
    )
    genre_match: Annotated[GenreMatch, Field(description="Whether a movie needs all the genres, or any.")] = (
        GenreMatch.ALL
    )
    year_from: Annotated[int, Field(strict=True, ge=0, le=9999)] | None = Field(
        default=None, description="First year, inclusive.", examples=[1990]
    )
    year_to: Annotated[int, Field(strict=True, ge=0, le=9999)] | None = Field(
        default=None, description="Last year, inclusive; not before `year_from`.", examples=[1999]
    )
    min_probability: float = Field(
        default=0, strict=True, ge=0, le=1, description="Smallest probability; the list may be shorter."
    )

    _not_before_year_from = field_validator("year_to")(check_years)

    @field_validator("ratings")
    @classmethod
    def _of_different_movies(cls, ratings: list[GuestRating]) -> list[GuestRating]:
        movie_ids = [rating.movie_id for rating in ratings]
        if len(set(movie_ids)) < len(movie_ids):
            raise ValueError("A movie is rated more than once. Send one rating for each movie.")
        return ratings

    @property
    def query(self) -> RecommendationQuery:
        """The options of the list."""
        return RecommendationQuery(**self.model_dump(exclude={"ratings"}))


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
            "The part of the score that no single rating contributes: the popularity of the movie, and the change by "
            "the second stage of the ranking, if the version has one. The contributions cover the first stage. "
            "The whole score with algorithms whose scores are not sums (`nmf`, `popularity`)."
        )
    )


class Recommendation(ReadSchema):
    """A recommended movie."""

    movie: Movie
    probability: float = Field(examples=[0.91])
    because: OnRequest[list[Reason]] = Field(
        default=None, description="The rated movies that contribute most, at most five. Only with `explain=true`."
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
    recommendations: OnRequest[list[Recommendation]] = Field(
        default=None,
        description="Movie, probability and reasons together, in the same order. Only with `expand=movies` or "
        "`explain=true`.",
    )
    movies: OnRequest[list[Movie]] = Field(
        default=None, description="The movies in the same order. Only with `expand=movies`; see `recommendations`."
    )
    explanations: OnRequest[list[Explanation]] = Field(
        default=None, description="The reasons for each movie, in the same order. Only with `explain=true`."
    )
