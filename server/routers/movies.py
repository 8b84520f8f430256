"""``/movies``."""

from fastapi import APIRouter

from server.dependencies import MovieId, Movies, MovieServiceDep, PageLinksDep
from server.errors import MovieNotFound
from server.problems import documented
from server.routing import PAGE_RESPONSES, PublicRoute
from server.schemas.movies import AverageRating, Movie, MoviePage

router = APIRouter(prefix="/movies", tags=["movies"], route_class=PublicRoute)


@router.get("", responses=PAGE_RESPONSES)
def list_movies(query: Movies, movies: MovieServiceDep, links: PageLinksDep) -> MoviePage:
    """List movies, a page at a time, all or those that fit a search and filters.

    Every word of the search must be found: in the title, an alternative title, a genre or the year; the last word may
    be unfinished. Case, accents, punctuation and the place of the article make no difference.
    """
    return links.on(movies.list_movies(query))


@router.get("/{movie_id}", responses=documented(MovieNotFound(0)))
def get_movie(movie_id: MovieId, movies: MovieServiceDep) -> Movie:
    """Give one movie."""
    return movies.get_movie(movie_id)


@router.get("/{movie_id}/avg-rating", responses=documented(MovieNotFound(0)))
def get_average_rating(movie_id: MovieId, movies: MovieServiceDep) -> AverageRating:
    """Give the exact mean of a movie's ratings; it shows a new rating at once."""
    return movies.get_average_rating(movie_id)
