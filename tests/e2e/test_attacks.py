"""Overload and attacks from outside: expensive reads and guessed passwords.

None stops the server, and other clients are served meanwhile.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from httpx2 import Response

from tests.support.installation import API, Installation, Server
from tests.support.passwords import ANOTHER, PASSWORD, SECRET
from tests.support.waiting import DEADLINE_S

CLIENTS = 30
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
