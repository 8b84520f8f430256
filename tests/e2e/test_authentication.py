"""A server with authentication on, from the first user on the command line to a training; and what is said without."""

import re

import pytest

from tests.support.installation import API, ENGINE, Installation, Server
from tests.support.passwords import ANOTHER, PASSWORD, SECRET
from tests.support.problem_details import assert_problem


def create_user(installation: Installation, *options: str) -> int:
    """Make a user on the command line, and give his id."""
    said = re.match(r"User (\d+) can log in", installation.run("user", "create", *options, typed=f"{PASSWORD}\n"))
    assert said is not None
    return int(said[1])


def log_in(server: Server, user_id: int, password: str = PASSWORD) -> dict[str, str]:
    """Give the header that signs a user's requests."""
    form = {"grant_type": "password", "username": str(user_id), "password": password}
    response = server.client.post(f"{API}/token", data=form)
    assert response.status_code == 200
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


def test_a_user_rates_as_himself_and_an_admin_trains(installation: Installation) -> None:
    alice, bob, admin = create_user(installation), create_user(installation), create_user(installation, "--admin")

    with installation.serve(auth="on", auth_secret=SECRET) as server:
        client = server.client
        hers, his, admins = (log_in(server, user) for user in (alice, bob, admin))
        rating = {"user_id": alice, "movie_id": 1, "rating": 4.5}

        assert_problem(client.post(f"{API}/ratings", json=rating), 401, "not-signed-in")
        assert_problem(client.post(f"{API}/ratings", json=rating, headers=his), 403, "access-denied")
        created = client.post(f"{API}/ratings", json=rating, headers=hers)
        recommended = client.get(f"{API}/user/{alice}/recommended-movies", headers=hers)
        assert (created.status_code, recommended.status_code) == (201, 200)
        assert_problem(client.delete(created.headers["Location"], headers=his), 403, "access-denied")
        assert client.delete(created.headers["Location"], headers=hers).status_code == 204
        assert_problem(client.post(ENGINE, headers=hers), 403, "access-denied")

        client.headers.update(admins)
        assert server.wait_for_end(server.start_training())["status"] == "succeeded"

        installation.run("user", "set-password", str(alice), typed=f"{ANOTHER}\n")
        assert_problem(client.get(f"{API}/user/{alice}/ratings", headers=hers), 401, "invalid-token")
        again = log_in(server, alice, ANOTHER)
        assert client.get(f"{API}/user/{alice}/ratings", headers=again).status_code == 200

        log = server.log.read_text()
        assert PASSWORD not in log
        assert SECRET not in log
        assert "Authentication is off" not in log


def test_who_guesses_passwords_is_slowed_down(installation: Installation) -> None:
    user = create_user(installation)
    wrong = {"grant_type": "password", "username": str(user), "password": ANOTHER}

    with installation.serve(auth="on", auth_secret=SECRET, login_limit="3/hour") as server:
        answers = [server.client.post(f"{API}/token", data=wrong) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert 3000 < int(answers[-1].headers["Retry-After"]) <= 3600


def test_who_writes_too_often_is_slowed_down_and_may_still_read(installation: Installation) -> None:
    with installation.serve(write_limit="2/hour") as server:
        written = [server.client.post(f"{API}/user").status_code for _ in range(3)]
        read = server.client.get(f"{API}/movies").status_code

    assert (written, read) == ([201, 201, 429], 200)


@pytest.mark.parametrize(
    ("host", "settings", "is_warned"),
    [
        ("0.0.0.0", {}, True),  # noqa: S104 (what is warned of)
        ("0.0.0.0", {"auth": "on", "auth_secret": SECRET}, False),  # noqa: S104 (as above)
        ("127.0.0.1", {}, False),
    ],
)
def test_the_open_network_without_authentication_is_warned_of(
    installation: Installation, host: str, settings: dict[str, str], *, is_warned: bool
) -> None:
    with installation.serve("--host", host, **settings) as server:
        server.client.get("/livez")

    assert ("Warning: Authentication is off, and 0.0.0.0 can be reached" in server.log.read_text()) is is_warned


def test_a_server_does_not_tell_what_it_runs_on(shared_server: Server) -> None:
    assert "Server" not in shared_server.client.get("/livez").headers
