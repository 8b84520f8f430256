"""Movies and genres on the wire."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from server.schemas.base import ID_LIMIT, Digits, OnRequest, Paging, ReadSchema, Total

TOY_STORY: JsonDict = {
    "movie_id": 1,
    "title": "Toy Story",
    "alternative_titles": [],
    "year": 1995,
    "genres": [{"genre_id": 2, "genre_name": "Adventure"}, {"genre_id": 3, "genre_name": "Animation"}],
    "avg_rating": 3.9209302325581397,
    "total_ratings": 215,
}


class Genre(ReadSchema):
    """A genre."""

    genre_id: int
    genre_name: str = Field(examples=["Thriller"])


class GenreCount(Genre):
    """A genre with the number of its movies."""

    total_movies: int


class GenrePage(ReadSchema):
    """A page of genres, by name."""

    genres: list[GenreCount]
    total: Total
    page: int
    limit: int


class Movie(ReadSchema):
    """A movie."""

    model_config = ConfigDict(json_schema_extra={"example": TOY_STORY})

    movie_id: int
    title: str = Field(description="The title as said: article in front, without the year.")
    alternative_titles: list[str]
    year: int | None = Field(description="Year of release; null where the source has none.")
    genres: list[Genre]
    avg_rating: float | None = Field(description="Mean of all ratings in stars; null without ratings.")
    total_ratings: int


class MoviePage(ReadSchema):
    """A page of movies."""

    movies: list[Movie]
    total: Total
    page: int
    limit: int


class AverageRating(ReadSchema):
    """The mean of a movie's ratings."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "movie_id": 1,
                "title": "Toy Story",
                "avg_rating": 3.9209302325581397,
                "total_ratings": 215,
            }
        }
    )

    movie_id: int
    title: str
    avg_rating: float | None = Field(description="The exact mean, unrounded; null without ratings.")
    total_ratings: int


class SimilarMovies(ReadSchema):
    """Movies that the people who like a movie like, too, the most similar first: two arrays of the same length."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"movie_ids": [3114, 4886, 2355], "similarities": [0.61, 0.405, 0.382]}}
    )

    movie_ids: list[int]
    similarities: list[float] = Field(
        description=(
            "How similar: greater than 0, never rising along the list, and of no fixed scale. They are not to be "
            "compared between algorithms or model versions; `popularity` gives the popular movies, whatever the movie."
        )
    )
    movies: OnRequest[list[Movie]] = Field(
        default=None, description="The movies themselves, in the same order. Only with `expand=movies`."
    )


class Expansion(StrEnum):
    """What an answer can hold itself instead of only its id."""

    MOVIES = "movies"


class BestMoviesQuery(BaseModel):
    """How many movies of a list that begins with the best, and how much of them."""

    n: Annotated[int, Field(ge=1, le=100, description="How many movies."), Digits] = 10
    expand: list[Expansion] = Field(
        default=[], max_length=20, description="`movies` adds the movies themselves, so that no second call is needed."
    )

    @property
    def expands_movies(self) -> bool:
        """Whether the movies themselves are asked for."""
        return Expansion.MOVIES in self.expand


class MovieSort(StrEnum):
    """Orders of a movie list; each begins with what a page shows first, and a leading minus turns it round."""

    RELEVANCE = "relevance"
    POPULARITY = "popularity"
    RATING = "rating"
    YEAR = "year"
    TITLE = "title"
    ID = "id"
    RELEVANCE_REVERSED = "-relevance"
    POPULARITY_REVERSED = "-popularity"
    RATING_REVERSED = "-rating"
    YEAR_REVERSED = "-year"
    TITLE_REVERSED = "-title"
    ID_REVERSED = "-id"


Year = Annotated[int, Field(ge=0, le=9999), Digits]


class MovieQuery(Paging):
    """Which movies, in which order."""

    search: str | None = Field(
        default=None,
        max_length=200,
        description="Words to find, all, in title, alternative titles, genres and year; the last may be unfinished.",
        examples=["thriller 1995"],
    )
    genre: list[str] = Field(
        default=[],
        max_length=20,
        description="Name of a genre; may be repeated, then all must hold.",
        examples=[["Comedy"]],
    )
    year_from: Year | None = Field(default=None, description="First year, inclusive.")
    year_to: Year | None = Field(default=None, description="Last year, inclusive.")
    min_ratings: Annotated[int, Field(ge=0, lt=ID_LIMIT), Digits] | None = Field(
        default=None, description="At least so many ratings."
    )
    sort: MovieSort | None = Field(
        default=None,
        description=(
            "`relevance`, `popularity` and `rating` begin with the best, `year`, `title` and `id` with the lowest; "
            "a leading `-` reverses. Movies without a rating or a year come last either way. "
            "Default: `relevance` with a search, else `id`."
        ),
    )

    @property
    def words(self) -> str | None:
        """The search, or None where it is missing or blank."""
        return self.search if self.search and not self.search.isspace() else None

    @property
    def order(self) -> MovieSort:
        """The order asked for, or the default."""
        return self.sort or (MovieSort.RELEVANCE if self.words else MovieSort.ID)
