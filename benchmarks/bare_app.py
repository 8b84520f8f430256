"""The baseline of serving: FastAPI responses of the same shapes, typed and validated, from memory."""

from typing import Annotated

from fastapi import FastAPI, Query

from server.schemas.base import PathId
from server.schemas.movies import AverageRating, Genre, Movie, MoviePage
from server.schemas.user import RecommendedMovies

app = FastAPI()

GENRES = [Genre(genre_id=number, genre_name=name) for number, name in enumerate(("Adventure", "Comedy", "Drama"), 1)]
MOVIES = [
    Movie(
        movie_id=number,
        title="The Silent River",
        alternative_titles=[],
        year=1995,
        genres=GENRES,
        avg_rating=3.92,
        total_ratings=215,
        imdb_id="tt0114709",
        tmdb_id=862,
    )
    for number in range(1, 101)
]


@app.get("/movies")
async def list_movies(limit: Annotated[int, Query(ge=1, le=100)] = 10) -> MoviePage:
    """List movies."""
    return MoviePage(movies=MOVIES[:limit], total=len(MOVIES), page=1, limit=limit)


@app.get("/movies/{movie_id}/avg-rating")
async def get_average_rating(movie_id: PathId) -> AverageRating:
    """Return an average."""
    return AverageRating(movie_id=movie_id, title="The Silent River", avg_rating=3.92, total_ratings=215)


@app.get("/user/{user_id}/recommended-movies")
async def list_recommended_movies(user_id: PathId, n: Annotated[int, Query(ge=1, le=100)] = 10) -> RecommendedMovies:
    """Recommend movies."""
    return RecommendedMovies(
        movie_ids=list(range(user_id, user_id + n)), probabilities=[0.9 - rank / 1000 for rank in range(n)]
    )
