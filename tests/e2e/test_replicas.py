"""Several servers on one PostgreSQL agree, and work behind PgBouncer in transaction mode."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import URL, make_url

from tests.support import pgbouncer
from tests.support.installation import API, ENGINE, FAST_TRAINING, Installation, Server
from tests.support.waiting import poll, wait_until

REQUESTS, CLIENTS = 400, 16
EXPORT = "Date,Name,Year,Letterboxd URI,Rating\n2021-03-04,The Matrix,1999,https://boxd.it/2a9q,4.5\n"


@pytest.fixture
def installation(installation_on_postgresql: Installation) -> Installation:
    """The trained demo on PostgreSQL."""
    return installation_on_postgresql


def pages(server: Server, query: str) -> list[int]:
    """Return the ids of the first pages of a list, in order."""
    found = [server.client.get(f"{API}/movies?{query}&limit=20&page={page}").json()["movies"] for page in (1, 2, 3)]
    return [movie["movie_id"] for page in found for movie in page]


def test_servers_agree_on_the_order_and_on_the_model(installation: Installation) -> None:
    installation.run("train", "--algorithm", "popularity", "--activate")
    # They would not look for themselves within the hour: PostgreSQL announces what has changed.
    with installation.serve(refresh_interval_s="60") as one:
        least = pages(one, "search=comedy")[-1]
        for user_id in range(1, 150):
            rated = one.client.post(f"{API}/ratings", json={"user_id": user_id, "movie_id": least, "rating": 5})
            assert rated.is_success
        with installation.serve(refresh_interval_s="60") as other:
            # One of them may store a new snapshot of the popularity; the other loads it.
            searches = poll(lambda: _agreed_searches(one, other))
            one.client.put(f"{ENGINE}/active-model", json={"version": 1}).raise_for_status()
            wait_until(lambda: _served_version(other) == "1")
            lists = [server.client.get(f"{API}/user/3/recommended-movies").json() for server in (one, other)]
            versions = [_served_version(server) for server in (one, other)]

    assert all(len(set(found)) == len(found) for found in searches)
    assert versions == ["1", "1"]
    assert lists[0] == lists[1]


def _agreed_searches(one: Server, other: Server) -> list[list[int]] | None:
    """Return what both servers find for some words, or None while they differ."""
    found, by_other = ([pages(server, f"search={word}") for word in ("comedy", "the", "a")] for server in (one, other))
    return found if found == by_other else None


def _served_version(server: Server) -> str:
    return server.client.get(f"{API}/user/3/recommended-movies").headers["X-Model-Version"]


def test_nothing_fails_behind_pgbouncer_in_transaction_mode(installation: Installation, postgres_server: URL) -> None:
    database = str(make_url(installation.database_url).database)
    with pgbouncer.running_pooler(postgres_server) as pooler:
        pooled = Installation(installation.folder, pooler.url(database))
        pooled.run("ingest", "demo")
        pooled.run("train", "--algorithm", "popularity")
        with pooled.serve(**FAST_TRAINING) as server, ThreadPoolExecutor(CLIENTS) as clients:
            statuses = Counter(clients.map(lambda number: _request(server, number), range(REQUESTS)))
            run = server.wait_for_end(server.start_training())
            polling = "a pooler is between" in server.log.read_text()

    failed = {(path, status) for path, status in statuses if status >= 400}
    assert not failed, failed
    assert statuses.total() == REQUESTS
    assert len(statuses) >= 12, "every kind of request was sent"
    assert run["status"] == "succeeded"
    assert polling


def _request(server: Server, number: int) -> tuple[str, int]:
    """Send one of the requests, of another kind each time, and return its path and status."""
    client, generator = server.client, random.Random(number)  # noqa: S311 (the same requests every time)
    user_id, movie_id = generator.randint(1, 100), generator.randint(1, 250)
    reads = [
        "/movies?search=the&limit=20",
        "/movies?sort=popularity&facets=true",
        f"/movies/{movie_id}",
        f"/movies/{movie_id}/avg-rating",
        f"/movies/{movie_id}/similar?expand=movies",
        f"/user/{user_id}/ratings?expand=movies",
        f"/user/{user_id}/recommended-movies?explain=true",
        "/genres",
        "/statistics",
        "/recommendation-engine/models",
    ]
    if number % 3:
        path = generator.choice(reads)
        return path.partition("?")[0].replace(str(movie_id), "1"), client.get(API + path).status_code
    kind = number // 3 % 4
    if kind == 0:
        saved = client.post(f"{API}/ratings", json={"user_id": user_id, "movie_id": movie_id, "rating": 4.5})
        return "rate", saved.status_code
    if kind == 1:
        created = client.post(f"{API}/user").json()["user_id"]
        return "delete user", client.delete(f"{API}/user/{created}").status_code
    if kind == 2:
        imported = client.post(
            f"{API}/user/{user_id}/ratings/import", content=EXPORT, headers={"Content-Type": "text/csv"}
        )
        return "import", imported.status_code
    guest = {"ratings": [{"movie_id": movie_id, "rating": 5}]}
    return "recommend", client.post(f"{API}/recommendations", json=guest).status_code
