"""A server with authentication on, from the first user to a training, and the warning of a server without it."""

import re

from tests.support.installation import API, ENGINE, FAST_TRAINING, Installation, Server
from tests.support.passwords import ANOTHER, PASSWORD, SECRET
from tests.support.problem_details import assert_problem

OPEN_NETWORK = ("--host", "0.0.0.0")  # noqa: S104 (the address warned about)
WARNING = "Warning: authentication is off"


def create_user(installation: Installation, *options: str) -> int:
    """Create a user on the command line and return the user's id."""
    created = re.match(r"User (\d+) can log in", installation.run("user", "create", *options, typed=f"{PASSWORD}\n"))
    assert created is not None
    return int(created[1])


def log_in(server: Server, user_id: int, password: str = PASSWORD) -> dict[str, str]:
    """Log in and return the Authorization header."""
    form = {"grant_type": "password", "username": str(user_id), "password": password}
    response = server.client.post(f"{API}/token", data=form)
    assert response.status_code == 200
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


def test_users_rate_for_themselves_and_admins_train(installation: Installation) -> None:
    alice, bob, admin = create_user(installation), create_user(installation), create_user(installation, "--admin")

    with installation.serve(auth="on", auth_secret=SECRET, **FAST_TRAINING) as server:
        client = server.client
        alices, bobs, admins = (log_in(server, user) for user in (alice, bob, admin))
        rating = {"user_id": alice, "movie_id": 1, "rating": 4.5}

        assert_problem(client.post(f"{API}/ratings", json=rating), 401, "not-signed-in")
        assert_problem(client.post(f"{API}/ratings", json=rating, headers=bobs), 403, "access-denied")
        created = client.post(f"{API}/ratings", json=rating, headers=alices)
        recommended = client.get(f"{API}/user/{alice}/recommended-movies", headers=alices)
        assert (created.status_code, recommended.status_code) == (201, 200)
        assert_problem(client.delete(created.headers["Location"], headers=bobs), 403, "access-denied")
        assert client.delete(created.headers["Location"], headers=alices).status_code == 204
        assert_problem(client.post(ENGINE, headers=alices), 403, "access-denied")

        client.headers.update(admins)
        assert server.wait_for_end(server.start_training())["status"] == "succeeded"

        installation.run("user", "set-password", str(alice), typed=f"{ANOTHER}\n")
        assert_problem(client.get(f"{API}/user/{alice}/ratings", headers=alices), 401, "invalid-token")
        again = log_in(server, alice, ANOTHER)
        assert client.get(f"{API}/user/{alice}/ratings", headers=again).status_code == 200

        log = server.log.read_text()
        assert PASSWORD not in log
        assert SECRET not in log
        assert "Authentication is off" not in log


# The servers of these tests listen on all addresses, because one with authentication must not warn of it.


def test_failed_logins_are_rate_limited(installation: Installation) -> None:
    user = create_user(installation)
    wrong = {"grant_type": "password", "username": str(user), "password": ANOTHER}

    with installation.serve(*OPEN_NETWORK, auth="on", auth_secret=SECRET, login_limit="3/hour") as server:
        answers = [server.client.post(f"{API}/token", data=wrong) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert 3000 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert WARNING not in server.log.read_text()


def test_writes_are_rate_limited_and_reads_are_not(installation: Installation) -> None:
    with installation.serve(*OPEN_NETWORK, write_limit="2/hour") as server:
        written = [server.client.post(f"{API}/user").status_code for _ in range(3)]
        read = server.client.get(f"{API}/movies").status_code

    assert (written, read) == ([201, 201, 429], 200)
    assert f"{WARNING} and other machines can reach 0.0.0.0" in server.log.read_text()


def test_a_server_for_this_machine_does_not_warn_and_does_not_name_its_software(shared_server: Server) -> None:
    assert "Server" not in shared_server.client.get("/livez").headers
    assert WARNING not in shared_server.log.read_text()
