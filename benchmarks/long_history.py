"""Lists of one user with very many ratings: their time, and the memory that the server does not return."""

import time
import urllib.request
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import func, insert, select

from benchmarks.servers import API, Server, matinee_server
from benchmarks.train import train_where_needed
from benchmarks.workbench import SQLITE, Workbench
from server.backend.database import Database
from server.models import Movie, MovieStatistics, Rating, User

MAX_RATINGS, ROUNDS = 40_000, 5
LISTS = {
    "recommended movies": "n=100",
    "recommended, with movies": "n=100&expand=movies",
    "recommended, explained": "n=100&expand=movies&explain=true",
}


def run(bench: Workbench) -> None:
    """Show the lists of a user who has rated the 40,000 most-rated movies."""
    with bench.loaded(SQLITE) as settings:
        train_where_needed(settings)
        database = Database(settings)
        user_id, ratings = _rate_most_movies(database)
        database.dispose()
        with matinee_server(settings) as server:
            rows = [_measure(server, name, f"{API}/user/{user_id}/recommended-movies?{LISTS[name]}") for name in LISTS]
    title = f"Lists of a user with {ratings:,} ratings, the best of {ROUNDS}, one after the other"
    bench.show(title, ("", "ms", "MB more than before"), rows)


def _rate_most_movies(database: Database) -> tuple[int, int]:
    """Create the user; return its id and the number of its ratings."""
    moment = datetime.now(UTC)
    with database.transaction(writes=True) as session:
        user_id = (session.scalar(select(func.max(User.user_id))) or 0) + 1
        by_count = select(Movie.movie_id).join(MovieStatistics, MovieStatistics.movie_id == Movie.movie_id)
        movie_ids = list(session.scalars(by_count.order_by(MovieStatistics.rating_count.desc()).limit(MAX_RATINGS)))
        session.execute(insert(User), [{"user_id": user_id}])
        stars = (np.random.default_rng(0).integers(1, 11, len(movie_ids)) / 2).tolist()
        session.execute(
            insert(Rating),
            [
                {"user_id": user_id, "movie_id": movie_id, "rating": rating, "rated_at": moment}
                for movie_id, rating in zip(movie_ids, stars, strict=True)
            ],
        )
    return user_id, len(movie_ids)


def _measure(server: Server, name: str, path: str) -> tuple[object, ...]:
    before_mb = server.memory_mb
    durations = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}").close()
        durations.append(time.perf_counter() - started)
    return name, min(durations) * 1000, server.memory_mb - before_mb
