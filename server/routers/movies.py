"""``/movies``."""

from fastapi import APIRouter

from server.errors import ArtifactError, MovieNotFound, NoActiveModel
from server.schemas.movies import AverageRating, Movie, MoviePage, SimilarMovies
from server.web.dependencies import BestMovies, MovieId, Movies, MovieServiceDep, SimilarMoviesServiceDep
from server.web.problems import documented
from server.web.routes import CacheableRoute, runs_inline

router = APIRouter(prefix="/movies", tags=["movies"], route_class=CacheableRoute)


@router.get("")
@runs_inline(when=lambda query, **_others: query.is_in_order and not query.facets)
def list_movies(query: Movies, movies: MovieServiceDep) -> MoviePage:
    """List movies, a page at a time, all or those that fit a search and filters.

    Every word of the search must match in the title, an alternative title, a genre, the year or a tag. The last word
    may be unfinished, longer words may have typos. Case, accents, punctuation and the place of the article make no
    difference. Hits with fewer typos come first, then those that fit better, weighed with popularity.
    """
    return movies.list_movies(query)


@router.get("/{movie_id}", responses=documented(MovieNotFound(0)))
@runs_inline()
def get_movie(movie_id: MovieId, movies: MovieServiceDep) -> Movie:
    """Give one movie."""
    return movies.get_movie(movie_id)


@router.get("/{movie_id}/avg-rating", responses=documented(MovieNotFound(0)))
@runs_inline()
def get_average_rating(movie_id: MovieId, movies: MovieServiceDep) -> AverageRating:
    """Give the exact mean of a movie's ratings; it shows a new rating at once."""
    return movies.get_average_rating(movie_id)


@router.get(
    "/{movie_id}/similar",
    responses=documented(MovieNotFound(0), NoActiveModel(), ArtifactError("Model version 3 cannot be read.")),
)
def list_similar_movies(movie_id: MovieId, query: BestMovies, similar: SimilarMoviesServiceDep) -> SimilarMovies:
    """List movies that are liked by the same people: ids and similarities, the most similar first.

    There may be fewer than `n`, and none for a movie that the live model cannot compare: one that is newer than the
    model, or has too few ratings.
    """
    return similar.list_similar_movies(movie_id, query)
