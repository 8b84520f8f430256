"""Wire types of movies and genres."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.config import JsonDict

from server.schemas.base import ID_LIMIT, Digits, Limit, OnRequest, Paging, PathId, ReadSchema, Total

TOY_STORY: JsonDict = {
    "movie_id": 1,
    "title": "Toy Story",
    "alternative_titles": [],
    "year": 1995,
    "genres": [{"genre_id": 2, "genre_name": "Adventure"}, {"genre_id": 3, "genre_name": "Animation"}],
    "avg_rating": 3.9209302325581397,
    "total_ratings": 215,
    "imdb_id": "tt0114709",
    "tmdb_id": 862,
}


class Genre(ReadSchema):
    """A genre."""

    genre_id: int = Field(examples=[17])
    genre_name: str = Field(examples=["Thriller"])


class GenreCount(Genre):
    """A genre and its number of movies."""

    total_movies: int = Field(examples=[1894])


class GenreQuery(Paging):
    """A page of genres; there are few, so the first page holds them all."""

    limit: Limit = 100


class GenrePage(ReadSchema):
    """A page of genres, ordered by name."""

    genres: list[GenreCount]
    total: Total
    page: int
    limit: int = Field(examples=[10])


class TextRange(ReadSchema):
    """A range of a text in Unicode code points, from `start` (inclusive, from 0) to `end` (exclusive)."""

    model_config = ConfigDict(json_schema_extra={"example": {"start": 4, "end": 10}})

    start: int
    end: int


class Highlights(ReadSchema):
    """The words of the search in the titles of a movie."""

    title: list[TextRange]
    alternative_titles: list[list[TextRange]] = Field(description="One list per alternative title.")


class Movie(ReadSchema):
    """A movie."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOY_STORY]})

    movie_id: int
    title: str = Field(description="The title with its article in front and without the year.")
    alternative_titles: list[str]
    year: int | None = Field(description="Year of release; null if unknown.")
    genres: list[Genre]
    avg_rating: float | None = Field(description="Mean of all ratings in stars; null without ratings.")
    total_ratings: int
    imdb_id: str | None = Field(description="The id at IMDb; null if unknown.")
    tmdb_id: int | None = Field(description="The id at The Movie Database (TMDB); null if unknown.")
    highlights: OnRequest[Highlights] = Field(default=None, description="Only with `highlight=true`.")
    user_rating: OnRequest[float] = Field(
        default=None, description="The rating of the user `user_id` in stars. Absent if the user has not rated it."
    )


class DecadeCount(ReadSchema):
    """A decade and its number of movies."""

    decade: int = Field(description="The first year of the decade.", examples=[1990])
    total_movies: int


class Facets(ReadSchema):
    """The genres (by number of movies) and decades (in order) of all movies of a list."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "genres": [{"genre_id": 5, "genre_name": "Comedy", "total_movies": 12}],
                "decades": [{"decade": 1990, "total_movies": 8}, {"decade": 2000, "total_movies": 3}],
            }
        }
    )

    genres: list[GenreCount]
    decades: list[DecadeCount] = Field(description="Movies without a year are not counted.")


class MoviePage(ReadSchema):
    """A page of movies."""

    movies: list[Movie]
    total: Total
    page: int
    limit: int = Field(examples=[10])
    facets: OnRequest[Facets] = Field(
        default=None, description="Counts over all movies of the list. Only with `facets=true`."
    )
    corrected_search: OnRequest[str] = Field(
        default=None,
        description=(
            "The search with its misspelt words replaced by those of the first hit; only if the first hit has typos."
        ),
        examples=["the godfather"],
    )


class AverageRating(ReadSchema):
    """The mean of the ratings of a movie."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"movie_id": 1, "title": "Toy Story", "avg_rating": 3.9209302325581397, "total_ratings": 215}]
        }
    )

    movie_id: int
    title: str
    avg_rating: float | None = Field(description="The exact mean, not rounded; null without ratings.")
    total_ratings: int


class RatingCount(ReadSchema):
    """The number of ratings with these stars."""

    rating: float = Field(description="Stars.", examples=[4.5])
    count: int = Field(examples=[12])


class RatingHistogram(ReadSchema):
    """A movie's ratings by half stars, from 0.5 to 5.0."""

    movie_id: int = Field(examples=[1])
    total_ratings: int = Field(examples=[215])
    histogram: list[RatingCount] = Field(description="Ten entries; those without ratings have 0.")


class SimilarMovies(ReadSchema):
    """Movies that are liked by the same users, the most similar first, as two arrays of the same length."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"movie_ids": [3114, 4886, 2355], "similarities": [0.61, 0.405, 0.382]}]}
    )

    movie_ids: list[int]
    similarities: list[float] = Field(
        description=(
            "Similarities, greater than 0 and never increasing along the list. They have no fixed scale: do not "
            "compare them between algorithms or model versions. `popularity` returns popular movies for any movie."
        )
    )
    movies: OnRequest[list[Movie]] = Field(
        default=None, description="The movies in the same order. Only with `expand=movies`."
    )


class Expansion(StrEnum):
    """Parts that a response can include in addition to ids."""

    MOVIES = "movies"


class BestMoviesQuery(BaseModel):
    """The length of a list of the best movies, and what to include."""

    n: Annotated[int, Field(ge=1, le=100, description="Maximum number of movies."), Digits] = 10
    expand: list[Expansion] = Field(
        default=[], max_length=20, description="`movies` adds the movies, which saves a second request."
    )

    @property
    def expands_movies(self) -> bool:
        """Whether to include the movies."""
        return Expansion.MOVIES in self.expand


class SortName(StrEnum):
    """The keys by which a movie list is sorted."""

    RELEVANCE = "relevance"
    POPULARITY = "popularity"
    RATING = "rating"
    TOP_RATED = "top_rated"
    YEAR = "year"
    TITLE = "title"
    ID = "id"


BEST_FIRST = {SortName.RELEVANCE, SortName.POPULARITY, SortName.RATING, SortName.TOP_RATED}


class MovieSort(StrEnum):
    """Orders of a movie list. A leading minus means descending."""

    RELEVANCE = "relevance"
    POPULARITY = "popularity"
    RATING = "rating"
    TOP_RATED = "top_rated"
    YEAR = "year"
    TITLE = "title"
    ID = "id"
    RELEVANCE_DESCENDING = "-relevance"
    POPULARITY_DESCENDING = "-popularity"
    RATING_DESCENDING = "-rating"
    TOP_RATED_DESCENDING = "-top_rated"
    YEAR_DESCENDING = "-year"
    TITLE_DESCENDING = "-title"
    ID_DESCENDING = "-id"

    @property
    def by(self) -> SortName:
        """The key, without its direction."""
        return SortName(self.removeprefix("-"))


class SortOrder(StrEnum):
    """Directions of an order."""

    ASCENDING = "asc"
    DESCENDING = "desc"


class GenreMatch(StrEnum):
    """How many of the requested genres a movie must have."""

    ALL = "all"
    ANY = "any"


Year = Annotated[int, Field(ge=0, le=9999, examples=[1995]), Digits]


def check_years(year_to: int | None, info: ValidationInfo) -> int | None:
    """Return the last year. Raises `ValueError` if it is before the first."""
    year_from = info.data.get("year_from")
    if year_to is not None and year_from is not None and year_to < year_from:
        raise ValueError(f"year_to ({year_to}) is before year_from ({year_from}). Exchange them.")
    return year_to


class MovieQuery(Paging):
    """A page of movies: the search, the filters and the order."""

    search: str | None = Field(
        default=None,
        max_length=200,
        description=(
            "Words that must all match in the title, an alternative title, a genre, the year or a tag; the last may be "
            "unfinished. Words of five letters may have one typo, of nine two. Numbers, abbreviations and plurals "
            "match in their other forms. Genres and decades have synonyms: `kids`, `90s`."
        ),
        examples=["90s comedy", "shawshnak", "thriller 1995"],
    )
    genre: list[str] = Field(
        default=[],
        max_length=20,
        description="Name of a genre in any case, or its id; may be repeated. An unknown genre is an error.",
        examples=[["Comedy"]],
    )
    genre_match: GenreMatch = Field(
        default=GenreMatch.ALL, description="Whether a movie must have `all` of the genres, or `any`."
    )
    tag: list[str] = Field(
        default=[],
        max_length=20,
        description="A tag in any case; may be repeated, then a movie must have all. An unknown tag is an error.",
        examples=[["pixar"]],
    )
    movie_id: list[PathId] = Field(
        default=[],
        max_length=100,
        description="Id of a movie; may be repeated. Without `sort`, the movies come in the order of the ids.",
        examples=[[1, 2571]],
    )
    year_from: Year | None = Field(default=None, description="First year, inclusive.")
    year_to: Year | None = Field(default=None, description="Last year, inclusive; not before `year_from`.")
    min_ratings: Annotated[int, Field(ge=0, lt=ID_LIMIT, examples=[50]), Digits] | None = Field(
        default=None, description="Minimum number of ratings."
    )
    sort: MovieSort | None = Field(
        default=None,
        description=(
            "`relevance`, `popularity`, `rating` and `top_rated` start with the best, `year`, `title` and `id` with "
            "the lowest; a leading `-` means descending. `top_rated` is the mean rating shrunk towards the mean of all "
            "ratings by 50 votes. Movies without a rating or a year are always last. New ratings count within two "
            "seconds. Default: `relevance` with a search, otherwise `id`."
        ),
    )
    order: SortOrder | None = Field(
        default=None, description="Direction of `sort`: `asc` for the lowest first, `desc` for the highest first."
    )
    user_id: PathId | None = Field(
        default=None, description="Add `user_rating`, the rating of this user, to each movie that the user has rated."
    )

    facets: Annotated[bool, Field(description="Count the genres and decades of all matching movies.")] = False
    highlight: Annotated[bool, Field(description="Add the positions of the searched words in the titles.")] = False

    _not_before_year_from = field_validator("year_to")(check_years)

    @field_validator("order")
    @classmethod
    def _not_against_sort(cls, order: SortOrder | None, info: ValidationInfo) -> SortOrder | None:
        if order is SortOrder.ASCENDING and (info.data.get("sort") or "").startswith("-"):
            raise ValueError("A sort with a leading - is descending. Remove the - or the order.")
        return order

    @property
    def words(self) -> str | None:
        """The search, or None if it is missing or blank."""
        return self.search if self.search and not self.search.isspace() else None

    @property
    def sort_name(self) -> SortName:
        """The key of the list: the requested one, or the default."""
        if self.sort is not None:
            return self.sort.by
        return SortName.RELEVANCE if self.words else SortName.ID

    @property
    def is_descending(self) -> bool:
        """Whether the highest is first."""
        if self.order is not None:
            return self.order is SortOrder.DESCENDING
        return self.sort_name in BEST_FIRST or (self.sort or "").startswith("-")
