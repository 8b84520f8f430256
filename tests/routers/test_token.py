"""Logging in, with a service that knows one user."""

import anyio
import pytest
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from server.errors import WrongCredentials
from server.schemas.token import Token, TokenRequest
from tests.support.fake_state import FakeLimits
from tests.support.passwords import PASSWORD, SECRET
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each
from tests.support.waiting import DEADLINE_S

TOKEN = "/api/rest/v1/token"
FORM = {"grant_type": "password", "username": "1", "password": PASSWORD}


class FakeLogin:
    """Knows the user 1."""

    def log_in(self, request: TokenRequest) -> Token:
        if (request.username, request.password.get_secret_value()) != ("1", PASSWORD):
            raise WrongCredentials
        return Token(access_token="a.b.c", token_type="bearer", expires_in=1800)  # noqa: S106 (made up)


@pytest.fixture
def limits() -> FakeLimits:
    return FakeLimits()


@pytest.fixture
def client(limits: FakeLimits) -> TestClient:
    """A client of an app whose lifespan does not run."""
    client = TestClient(create_app(Settings(_env_file=None, auth=True, auth_secret=SECRET)))
    client.app_state.update(
        limits=limits, login=FakeLogin(), login_slots=anyio.Semaphore(1), write_slot_timeout_s=DEADLINE_S
    )
    return client


def test_a_token_is_given_and_kept_by_no_cache(client: TestClient, limits: FakeLimits) -> None:
    response = client.post(TOKEN, data=FORM)

    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert response.json() == {"access_token": "a.b.c", "token_type": "bearer", "expires_in": 1800}
    assert limits.counted == [("login", "testclient")]


def test_other_fields_of_oauth2_clients_are_ignored(client: TestClient) -> None:
    response = client.post(TOKEN, data=FORM | {"scope": "", "client_id": "shop", "client_secret": "x"})

    assert response.status_code == 200


@for_each("change", [{"username": "2"}, {"password": "wrong"}])
def test_wrong_credentials_are_a_problem_with_a_challenge(client: TestClient, change: dict[str, str]) -> None:
    response = client.post(TOKEN, data=FORM | change)

    body = assert_problem(response, 401, "wrong-credentials")
    assert body["detail"] == "The user name or the password is wrong. Sign in with the user name or the id of the user."
    assert response.headers["WWW-Authenticate"] == "Bearer"


@for_each("missing", FORM)
def test_a_form_without_a_field_names_it_and_repeats_nothing(client: TestClient, missing: str) -> None:
    response = client.post(TOKEN, data={name: value for name, value in FORM.items() if name != missing})

    body = assert_problem(response, 422, "invalid-input")
    assert body["errors"] == [{"pointer": f"#/body/{missing}", "message": "Field required"}]
    assert PASSWORD not in response.text


def test_another_grant_is_refused(client: TestClient) -> None:
    body = assert_problem(client.post(TOKEN, data=FORM | {"grant_type": "client_credentials"}), 422, "invalid-input")

    assert body["errors"] == [{"pointer": "#/body/grant_type", "message": "Input should be 'password'"}]


def test_json_instead_of_a_form_is_refused(client: TestClient) -> None:
    assert_problem(client.post(TOKEN, json=FORM), 422, "invalid-input")


@for_each(
    ("content_type", "content"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nno part"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(2000))),
    ],
)
def test_a_form_that_cannot_be_read_is_invalid_input(client: TestClient, content_type: str, content: bytes) -> None:
    assert_problem(client.post(TOKEN, content=content, headers={"Content-Type": content_type}), 422, "invalid-input")


def test_a_form_of_more_than_64_kib_is_too_large(client: TestClient) -> None:
    assert_problem(client.post(TOKEN, data=FORM | {"password": "x" * 65_536}), 413, "too-large")


def test_too_many_attempts_are_refused_with_the_time_to_retry(client: TestClient, limits: FakeLimits) -> None:
    limits.refused.add("testclient")

    response = client.post(TOKEN, data=FORM)

    assert_problem(response, 429, "too-many-requests")
    assert response.headers["Retry-After"] == "7"


def test_sign_ins_wait_for_each_other_for_a_limited_time(client: TestClient) -> None:
    client.app_state.update(login_slots=anyio.Semaphore(0), write_slot_timeout_s=0.01)

    assert_problem(client.post(TOKEN, data=FORM), 503, "too-busy")
