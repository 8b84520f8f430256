"""``/movies``."""

from fastapi import APIRouter, Request, Response

from server.errors import ArtifactError, MovieNotFound, NoActiveModel, UserNotFound
from server.schemas.movies import AverageRating, Movie, MoviePage, RatingHistogram, SimilarMovies
from server.schemas.tags import MovieTagPage
from server.web.dependencies import (
    BestMovies,
    MovieId,
    Movies,
    MovieServiceDep,
    OptionalAccessDep,
    Paging,
    SimilarMoviesServiceDep,
    TagServiceDep,
)
from server.web.inline import runs_in_thread, runs_inline
from server.web.paging import PAGED, VERSIONED, linked
from server.web.problems import documented
from server.web.routes import CacheableRoute, CatalogueRoute

router = APIRouter(prefix="/movies", tags=["movies"], route_class=CacheableRoute)
lists = APIRouter(route_class=CatalogueRoute)


@router.get("", responses=PAGED | documented(UserNotFound(0)))
@runs_inline(
    when=lambda query, movies, **_: movies.lists_inline(query),
    is_costly=lambda query, movies, **_: movies.is_costly(query),
)
def list_movies(
    access: OptionalAccessDep, query: Movies, movies: MovieServiceDep, request: Request, response: Response
) -> MoviePage:
    """List movies, a page at a time: all, or those that match a search and filters.

    Every word of the search must match in the title, an alternative title, a genre, the year or a tag. The last word
    may be unfinished, longer words may have typos. Case, accents, punctuation and the place of the article make no
    difference. Hits with fewer typos come first, then those that fit better, weighed with popularity.
    """
    if query.user_id is not None:
        access.require_user(query.user_id)
    return linked(movies.list_movies(query), request, response)


@router.get("/{movie_id}", responses=documented(MovieNotFound(0)))
@runs_inline(when=lambda movies, **_: movies.reads_inline)
def get_movie(movie_id: MovieId, movies: MovieServiceDep) -> Movie:
    """Get one movie."""
    return movies.get_movie(movie_id)


@router.get("/{movie_id}/avg-rating", responses=documented(MovieNotFound(0)))
@runs_inline(when=lambda movies, **_: movies.reads_inline)
def get_average_rating(movie_id: MovieId, movies: MovieServiceDep) -> AverageRating:
    """Get the exact mean of a movie's ratings; it includes a new rating at once."""
    return movies.get_average_rating(movie_id)


@router.get("/{movie_id}/rating-histogram", responses=documented(MovieNotFound(0)))
@runs_inline(when=lambda movies, **_: movies.reads_inline)
def get_rating_histogram(movie_id: MovieId, movies: MovieServiceDep) -> RatingHistogram:
    """Get the number of a movie's ratings by half stars; it includes a new rating at once."""
    return movies.get_rating_histogram(movie_id)


@lists.get("/{movie_id}/tags", responses=PAGED | documented(MovieNotFound(0)))
def list_movie_tags(
    movie_id: MovieId, paging: Paging, tags: TagServiceDep, request: Request, response: Response
) -> MovieTagPage:
    """List a movie's tags, the most frequent first, with the number of times that users put them on it."""
    return linked(tags.list_movie_tags(movie_id, paging), request, response)


@router.get(
    "/{movie_id}/similar",
    responses=VERSIONED
    | documented(MovieNotFound(0), NoActiveModel(), ArtifactError("Model version 3 cannot be read.")),
)
@runs_in_thread(is_costly=lambda query, **_: query.expands_movies)
def list_similar_movies(movie_id: MovieId, query: BestMovies, similar: SimilarMoviesServiceDep) -> SimilarMovies:
    """List movies that the same people like: ids and similarities, the most similar first.

    The list may be shorter than `n`, and is empty for a movie that the live model cannot compare because it is newer
    than the model or has too few ratings.
    """
    return similar.list_similar_movies(movie_id, query)


router.include_router(lists)
