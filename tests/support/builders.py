"""Builders for tests of services: twelve films that many tests share, ratings with a taste, and versions."""

import random
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.models import MovieStatistics, Rating
from server.recommender.evaluation.comparison import Verdict
from server.schemas.movies import MoviePage
from server.services.training.runs import TrainingRunService

ResultT = TypeVar("ResultT")

MOVIES = (
    "1,Toy Story (1995),Adventure|Animation|Comedy",
    '2,"Matrix, The (1999)",Action|Sci-Fi|Thriller',
    "3,Alien (1979),Horror|Sci-Fi",
    "4,Aliens (1986),Action|Horror|Sci-Fi",
    "5,City of God (Cidade de Deus) (2002),Crime|Drama",
    "6,Seven (a.k.a. Se7en) (1995),Mystery|Thriller",
    "7,Heat (1995),Action|Crime|Thriller",
    "8,Babylon 5,(no genres listed)",
    "9,Nocturnal Animals,Drama|Thriller",
    '10,"Amelie (Fabuleux destin d\'Amélie Poulain, Le) (2001)",Comedy|Romance',
    "11,Toy Story 2 (1999),Adventure|Animation|Comedy",
    '12,"Postman, The (1997)",Drama',
)
RATINGS = (
    *("1,1,4.0,1000000000", "1,2,5.0,1000000003", "1,3,4.0,1000000001", "1,4,4.0,1000000001", "1,5,5.0,1000000002"),
    *("2,1,5.0,1000000005", "2,2,4.5,1000000006", "2,3,4.5,1000000007", "2,5,5.0,1000000008", "2,7,3.5,1000000009"),
    *("3,1,3.5,1000000010", "3,2,4.0,1000000011", "3,6,0.5,1000000012", "3,7,4.5,1000000013"),
    *("4,2,5.0,1000000014", "4,11,3.0,1000000015"),
)

TASTE_MOVIES = range(1, 31)
TASTE_USERS = range(1, 41)
NEWER_MOVIES = (31, 32, 33)


def taste_rows() -> tuple[list[str], list[str]]:
    """Make rows of movies and ratings of users who like the movies of their own kind: the odd ones, or the even ones.

    The odd ones are dramas, the even ones comedies. Each user has rated half of the movies, and the smaller a
    movie's id, the more people have.
    """
    generator = random.Random(0)  # noqa: S311 (no secret, only the same ratings every time)
    movies = [f"{movie},Film {movie} (2000),{genre_of(movie)}" for movie in TASTE_MOVIES]
    ratings = []
    for user in TASTE_USERS:
        appeal = {movie: generator.random() ** (movie + 10) for movie in TASTE_MOVIES}
        rated = sorted(TASTE_MOVIES, key=appeal.__getitem__, reverse=True)[:15]
        generator.shuffle(rated)
        for second, movie in enumerate(rated):
            likes = generator.random() < (0.9 if is_of_kind(movie, user) else 0.15)
            ratings.append(f"{user},{movie},{4.5 if likes else 2.0},{1000000000 + second}")
    return movies, ratings


def genre_of(movie_id: int) -> str:
    """Return the genre of a movie of `taste_rows`, or of a newer one."""
    return "Drama" if movie_id % 2 else "Comedy"


def is_of_kind(movie_id: int, user_id: int) -> bool:
    """Return whether a user of `taste_rows` likes a movie."""
    return movie_id % 2 == user_id % 2


PASSED = Verdict(accepted=True, reason="It is not worse.")


def add_version(session: Session, artifact: str, verdict: Verdict = PASSED) -> int:
    """Complete a run without a training, and return its version, which is live if the verdict accepts it."""
    runs = TrainingRunService(session)
    return runs.complete(runs.start(), version_values(artifact), verdict)


def version_values(artifact: str) -> dict[str, object]:
    """Return the fields that a training records about a version."""
    return {
        "algorithm": "nmf",
        "parameters": {"factors": 2},
        "seed": 7,
        "data": {
            "ratings": 100,
            "users": 10,
            "movies": 20,
            "newest_rating": 1000000000,
            "catalogue_version": 1,
            "modelled_movies": 15,
            "modelled_ratings": 95,
        },
        "metrics": {"auc": 0.75},
        "calibration": [{"lower": 0.7, "upper": 0.8, "pairs": 20, "mean_predicted": 0.75, "observed": 0.7}],
        "activity": [{"ratings_from": 0, "users": 10, "ndcg_at_10": 0.3, "recall_at_20": 0.5, "hit_rate_at_10": 0.6}],
        "cold_start": [],
        "duration_s": 1.5,
        "size_bytes": 2048,
        "artifact": artifact,
    }


def ids_of(page: MoviePage) -> list[int]:
    """Return the ids on a page, in its order."""
    return [movie.movie_id for movie in page.movies]


def kept_statistics(session: Session) -> dict[int, tuple[int, float]]:
    """Read number and sum of the ratings of each movie that has some, as kept."""
    rows = session.execute(
        select(MovieStatistics.movie_id, MovieStatistics.rating_count, MovieStatistics.rating_sum).where(
            MovieStatistics.rating_count != 0
        )
    )
    return {movie_id: (count, total) for movie_id, count, total in rows}


def recounted_statistics(session: Session) -> dict[int, tuple[int, float]]:
    """Count number and sum of the ratings of each movie that has some."""
    stars: dict[int, list[float]] = {}
    for movie_id, rating in session.execute(select(Rating.movie_id, Rating.rating)):
        stars.setdefault(movie_id, []).append(rating)
    return {movie_id: (len(ratings), sum(ratings)) for movie_id, ratings in stars.items()}


def kept_histograms(session: Session) -> dict[int, list[int]]:
    """Return the stored histogram of each movie with ratings."""
    columns = MovieStatistics.histogram()
    rows = session.execute(select(MovieStatistics.movie_id, *columns).where(MovieStatistics.rating_count != 0))
    return {movie_id: list(counts) for movie_id, *counts in rows}


def recounted_histograms(session: Session) -> dict[int, list[int]]:
    """Count the ratings of each movie by half stars."""
    histograms: dict[int, list[int]] = {}
    for movie_id, stars in session.execute(select(Rating.movie_id, Rating.rating)):
        histograms.setdefault(movie_id, [0] * 10)[int(stars * 2) - 1] += 1
    return histograms


def in_transaction(database: Database, call: Callable[[Session], ResultT]) -> ResultT:
    """Run a call in a writing transaction of its own."""
    with database.transaction(writes=True) as session:
        return call(session)
