"""Ratings per second with and without waiting for the disk: the price of a rating that survives a power cut."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

from sqlalchemy import select

from benchmarks.servers import API, Server, matinee_server
from benchmarks.workbench import POSTGRESQL, SQLITE, Workbench, percentiles_ms, size_of
from server.backend.database import Database
from server.models import Movie, User

KINDS = (SQLITE, POSTGRESQL)
SECONDS, CLIENTS = 5.0, 8
HEADER = ("", "ratings/s", "p50 ms", "p99 ms")
NO_LIMIT = ""


def run(bench: Workbench) -> None:
    """Show ratings per second on both databases, with `MATINEE_DURABLE` on and off."""
    rows: list[tuple[object, ...]] = []
    size = ""
    for kind in KINDS:
        with bench.loaded(kind) as settings:
            database = Database(settings)
            size, ratings = size_of(database), _ratings(database)
            database.dispose()
            for durable in (True, False):
                changed = settings.model_copy(update={"durable": durable, "write_limit": NO_LIMIT})
                with matinee_server(changed) as server:
                    rows.append((f"{kind}, durable {'on' if durable else 'off'}", *_measure(server, ratings)))
    bench.show(f"POST /ratings from {CLIENTS} clients, {size}", HEADER, rows)


def _ratings(database: Database) -> list[bytes]:
    """Return the bodies of ratings by one user for each client."""
    with database.transaction(writes=False) as session:
        users = session.scalars(select(User.user_id).order_by(User.user_id).limit(CLIENTS)).all()
        movies = session.scalars(select(Movie.movie_id).order_by(Movie.movie_id).limit(1000)).all()
    return [
        json.dumps({"user_id": user_id, "movie_id": movie_id, "rating": 4.0}).encode()
        for movie_id in movies
        for user_id in users
    ]


def _measure(server: Server, ratings: list[bytes]) -> tuple[object, ...]:
    until = time.perf_counter() + SECONDS

    def rate(client: int) -> list[float]:
        connection = HTTPConnection("127.0.0.1", server.port)
        durations: list[float] = []
        while (started := time.perf_counter()) < until:
            body = ratings[(client + CLIENTS * len(durations)) % len(ratings)]
            connection.request("POST", f"{API}/ratings", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            if response.status not in {200, 201}:
                raise RuntimeError(f"The server answered {response.status}.")
            durations.append(time.perf_counter() - started)
        connection.close()
        return durations

    with ThreadPoolExecutor(CLIENTS) as pool:
        durations = [duration for of_client in pool.map(rate, range(CLIENTS)) for duration in of_client]
    p50, p99, _ = percentiles_ms(durations)
    return f"{len(durations) / SECONDS:,.0f}", p50, p99
