"""Accounts over the whole app, where sign-up is open and where it is closed."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr

from server.app import create_app
from server.backend.config import Settings
from server.backend.database import Database
from server.models import Role
from server.services.token import CredentialsService
from tests.support.passwords import ANOTHER, PASSWORD, SECRET, CountingPasswords
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

API = "/api/rest/v1"
USER = f"{API}/user"
RIPLEY = {"username": "Ripley", "password": PASSWORD}


def closed(settings: Settings) -> Settings:
    secret = {"auth": True, "auth_secret": SecretStr(SECRET), "login_limit": ""}
    return settings.model_copy(update=secret)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(closed(settings).model_copy(update={"sign_up": True}))) as client:
        yield client


def sign_in(client: TestClient, username: object, password: str = PASSWORD) -> Response:
    form = {"grant_type": "password", "username": str(username), "password": password}
    return client.post(f"{API}/token", data=form)


def header(client: TestClient, username: object, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign_in(client, username, password).json()['access_token']}"}


def test_a_visitor_signs_up_and_signs_in_by_name_or_id(client: TestClient) -> None:
    created = client.post(USER, json=RIPLEY)

    assert (created.status_code, created.json()) == (201, {"user_id": 1})
    profile = {"user_id": 1, "username": "ripley", "role": "user", "total_ratings": 0}
    for name in ("ripley", "RIPLEY", 1):
        assert client.get(f"{USER}/me", headers=header(client, name)).json() == profile
    assert client.get(f"{USER}/1", headers=header(client, "ripley")).json() == profile


def test_a_taken_name_is_a_conflict_in_any_case(client: TestClient) -> None:
    client.post(USER, json=RIPLEY)

    body = assert_problem(client.post(USER, json=RIPLEY | {"username": "rIPLEY"}), 409, "username-taken")

    assert body["detail"] == "The user name 'ripley' is taken. Choose another one."


@for_each(
    ("change", "pointer"),
    [
        ({"username": "7"}, "#/body/username"),
        ({"username": "ab"}, "#/body/username"),
        ({"username": "a b c"}, "#/body/username"),
        ({"username": "a" * 33}, "#/body/username"),
        ({"password": "short"}, "#/body/password"),
        ({"password": "x" * 1025}, "#/body/password"),
        ({"role": "admin"}, "#/body/role"),
    ],
)
def test_an_unfit_account_is_refused_without_repeating_the_password(
    client: TestClient, change: dict[str, str], pointer: str
) -> None:
    response = client.post(USER, json=RIPLEY | change)

    body = assert_problem(response, 422, "invalid-input")
    assert [error["pointer"] for error in body["errors"]] == [pointer]
    assert "pattern" not in response.text
    assert PASSWORD not in response.text
    assert "short" not in response.text


def test_a_visitor_may_do_nothing_else(client: TestClient) -> None:
    for method, path in (("POST", USER), ("GET", f"{USER}/me"), ("GET", f"{USER}/1"), ("DELETE", f"{USER}/1")):
        assert_problem(client.request(method, path), 401, "not-signed-in")


def test_a_new_password_needs_the_current_one_and_invalidates_all_tokens(client: TestClient) -> None:
    client.post(USER, json=RIPLEY)
    signed_in = header(client, "ripley")
    path, change = f"{USER}/me/password", {"current_password": PASSWORD, "new_password": ANOTHER}

    refused = client.put(path, headers=signed_in, json=change | {"current_password": ANOTHER})
    changed = client.put(path, headers=signed_in, json=change)

    body = assert_problem(refused, 422, "invalid-input")
    assert [error["pointer"] for error in body["errors"]] == ["#/body/current_password"]
    assert (changed.status_code, changed.content) == (204, b"")
    assert_problem(client.get(f"{USER}/me", headers=signed_in), 401, "invalid-token")
    assert sign_in(client, "ripley").status_code == 401
    assert sign_in(client, "ripley", ANOTHER).status_code == 200


def test_a_user_deletes_their_account_and_the_name_is_free_again(client: TestClient) -> None:
    client.post(USER, json=RIPLEY)
    signed_in = header(client, "ripley")

    assert client.delete(f"{USER}/1", headers=signed_in).status_code == 204

    assert_problem(client.get(f"{USER}/me", headers=signed_in), 401, "invalid-token")
    assert sign_in(client, "ripley").status_code == 401
    assert client.post(USER, json=RIPLEY).json() == {"user_id": 2}


def test_sign_ups_are_limited_like_sign_ins(settings: Settings) -> None:
    limited = closed(settings).model_copy(update={"sign_up": True, "login_limit": "2/hour"})
    with TestClient(create_app(limited)) as client:
        answers = [client.post(USER, json=RIPLEY | {"username": f"user{number}"}) for number in range(3)]

    assert [answer.status_code for answer in answers[:2]] == [201, 201]
    assert_problem(answers[2], 429, "too-many-requests")


def test_only_an_administrator_creates_users_if_sign_up_is_closed(settings: Settings, database: Database) -> None:
    with TestClient(create_app(closed(settings))) as client:
        with database.transaction(writes=True) as session:
            admin = CredentialsService(session, CountingPasswords()).create_user(PASSWORD, Role.ADMIN)

        assert_problem(client.post(USER, json=RIPLEY), 401, "not-signed-in")
        assert client.post(USER, json=RIPLEY, headers=header(client, admin)).status_code == 201
        assert_problem(client.post(USER, json=RIPLEY, headers=header(client, "ripley")), 403, "access-denied")


def test_without_authentication_nobody_is_signed_in_and_profiles_are_open(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        client.post(USER)

        assert_problem(client.get(f"{USER}/me"), 401, "not-signed-in")
        assert client.get(f"{USER}/1").json() == {"user_id": 1, "username": None, "role": None, "total_ratings": 0}
        assert_problem(client.get(f"{USER}/2"), 404, "user-not-found")
