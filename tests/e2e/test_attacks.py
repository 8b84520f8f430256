"""Overload and attacks from outside: expensive reads, guessed passwords, a hanging database.

None stops the server, and other clients are served meanwhile.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from httpx2 import Client, Response

from tests.support import postgres
from tests.support.installation import API, Installation, Server
from tests.support.passwords import ANOTHER, PASSWORD, SECRET
from tests.support.suspension import suspended, with_children
from tests.support.waiting import DEADLINE_S, poll

CLIENTS = 30
ONLY_LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads processes from /proc")
EXPENSIVE = f"{API}/movies?search=drama&facets=true&highlight=true&sort=rating&limit=100"


def test_expensive_reads_are_answered_or_refused_but_never_fail(shared_server: Server) -> None:
    def read(_number: int) -> Response:
        return shared_server.client.get(EXPENSIVE)

    with ThreadPoolExecutor(CLIENTS) as pool:
        reads = pool.map(read, range(4 * CLIENTS))
        lives = [shared_server.client.get("/livez").status_code for _ in range(20)]
        answers = list(reads)

    statuses = Counter(answer.status_code for answer in answers)
    assert lives == [200] * 20
    assert statuses[200] > 0
    assert set(statuses) <= {200, 503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status_code == 503)


def test_guesses_from_many_addresses_lock_no_other_user_out(installation: Installation) -> None:
    victim, other = (installation.run("user", "create", typed=f"{PASSWORD}\n").split()[1] for _ in range(2))

    def log_in(server: Server, user: str, password: str, address: str) -> int:
        form = {"grant_type": "password", "username": user, "password": password}
        # The server trusts this header from its own machine, as from a proxy.
        return server.client.post(f"{API}/token", data=form, headers={"X-Forwarded-For": address}).status_code

    with installation.serve(auth="on", auth_secret=SECRET) as server, ThreadPoolExecutor(CLIENTS) as pool:
        guesses = [pool.submit(log_in, server, victim, ANOTHER, f"198.51.100.{number}") for number in range(CLIENTS)]
        read = server.client.get(f"{API}/movies").status_code
        statuses = {guess.result(DEADLINE_S) for guess in guesses}
        others = log_in(server, other, PASSWORD, "203.0.113.1")

    assert statuses <= {401, 429, 503}
    assert (read, others) == (200, 200)


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[tuple[Server, postgres.PostgresServer]]:
    """Serve the demo from a PostgreSQL server that a test may suspend."""
    with postgres.server_of_its_own() as database:
        installation = Installation(tmp_path, database.url.render_as_string(hide_password=False))
        installation.run("ingest", "demo")
        with installation.serve(database_timeout_s="2") as server:
            yield server, database


@ONLY_LINUX
def test_requests_end_while_postgresql_hangs_and_succeed_afterwards(
    hanging: tuple[Server, postgres.PostgresServer],
) -> None:
    server, database = hanging
    user_id = server.client.post(f"{API}/user").json()["user_id"]

    def rate(movie_id: int) -> int:
        with Client(base_url=server.address, timeout=DEADLINE_S) as client:
            body = {"user_id": user_id, "movie_id": movie_id, "rating": 4.0}
            return client.post(f"{API}/ratings", json=body).status_code

    def read(movie_id: int) -> int:
        with Client(base_url=server.address, timeout=DEADLINE_S) as client:
            return client.get(f"{API}/movies/{movie_id}/avg-rating").status_code

    with ThreadPoolExecutor(16) as pool:
        with suspended(*with_children(database.process_id)):
            requests = [pool.submit(call, movie_id) for movie_id in range(1, 9) for call in (rate, read)]
            live = server.client.get("/livez").status_code
            statuses = {request.result(DEADLINE_S) for request in requests}
        poll(lambda: server.client.get("/readyz").is_success or None)
        afterwards = [rate(9), read(9)]

    assert live == 200
    assert statuses == {503}
    assert afterwards == [201, 200]
