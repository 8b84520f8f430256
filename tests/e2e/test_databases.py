"""With several workers, on each database: all workers serve the same model, and no rating is lost."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest

from tests.conftest import DATABASES, database_copy
from tests.support.installation import API, FAST_TRAINING, Installation, Server
from tests.support.waiting import DEADLINE_S, wait_until


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve the demo from each kind of database with two workers."""
    folder = tmp_path_factory.mktemp("installation")
    with database_copy(request, folder) as url:
        installation = Installation(folder, url)
        installation.run("ingest", "demo")
        with installation.serve("--workers", "2", **FAST_TRAINING) as server:
            yield server


def ask_fresh_connections(server: Server) -> set[int | None]:
    """Return the model versions that forty new connections are served with."""
    with ThreadPoolExecutor(8) as clients:
        return set(clients.map(lambda _: ask_fresh_connection(server), range(40)))


def ask_fresh_connection(server: Server) -> int | None:
    with closing(HTTPConnection(server.address.removeprefix("http://"), timeout=DEADLINE_S)) as connection:
        connection.request("GET", "/readyz")
        version: int | None = json.load(connection.getresponse())["model_version"]
        return version


def test_a_model_trained_through_one_worker_is_served_by_all(server: Server) -> None:
    run = server.wait_for_end(server.start_training())

    assert run["status"] == "succeeded"
    wait_until(lambda: ask_fresh_connections(server) == {run["version"]})


def test_parallel_ratings_of_one_movie_are_counted_exactly(server: Server) -> None:
    stars = {user_id: (user_id % 10 + 1) / 2 for user_id in range(1, 301)}
    before = server.client.get(f"{API}/movies/1/avg-rating").json()["total_ratings"]

    def rate(user_id: int) -> int:
        body = {"user_id": user_id, "movie_id": 1, "rating": stars[user_id]}
        return server.client.post(f"{API}/ratings", json=body).status_code

    # Each user rates twice at the same time, so the later request replaces the rating of the earlier one.
    with ThreadPoolExecutor(8) as clients:
        statuses = Counter(clients.map(rate, [user_id for user_id in stars for _ in range(2)]))

    average = server.client.get(f"{API}/movies/1/avg-rating").json()
    assert statuses == {201: 300 - before, 200: 300 + before}
    assert (average["total_ratings"], average["avg_rating"]) == (300, sum(stars.values()) / 300)
