"""Authentication over the whole app: the open routes, and the protection of all others."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import SecretStr

from server.app import create_app
from server.backend.config import Settings
from server.backend.database import Database
from server.models import Role
from server.schemas.ratings import RatingCreate
from server.services.ratings import RatingService
from server.services.token import CredentialsService
from tests.conftest import DATABASES, database_copy
from tests.support.passwords import ANOTHER, PASSWORD, SECRET, CountingPasswords
from tests.support.problem_details import assert_problem
from tests.support.source_files import load_folder, write_source
from tests.support.tables import for_each, for_each_in

API = "/api/rest/v1"
RATINGS = f"{API}/ratings"
ACTIVE_MODEL = f"{API}/recommendation-engine/active-model"

RATINGS_FILE = "Name,Year,Rating\nHeat,1995,4\n"

Route = tuple[str, str]

OPEN: set[Route] = {
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/favicon.ico"),
    ("GET", "/page/{digest}/{path:path}"),
    ("GET", "/openapi.json"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/errors"),
    ("GET", "/errors/{code}"),
    ("GET", f"{API}/movies"),
    ("GET", f"{API}/movies/{{movie_id}}"),
    ("GET", f"{API}/movies/{{movie_id}}/avg-rating"),
    ("GET", f"{API}/movies/{{movie_id}}/similar"),
    ("GET", f"{API}/movies/{{movie_id}}/rating-histogram"),
    ("GET", f"{API}/movies/{{movie_id}}/tags"),
    ("GET", f"{API}/genres"),
    ("GET", f"{API}/tags"),
    ("GET", f"{API}/statistics"),
    ("POST", f"{API}/recommendations"),
    ("POST", f"{API}/token"),
    ("POST", f"{API}/recommendations"),
}
MINE: set[Route] = {("GET", f"{API}/user/me"), ("PUT", f"{API}/user/me/password")}
"""The routes of everyone who is signed in."""

OWN: dict[Route, int] = {
    ("GET", f"{API}/user/{{user_id}}"): 200,
    ("DELETE", f"{API}/user/{{user_id}}"): 204,
    ("POST", RATINGS): 201,
    ("GET", f"{RATINGS}/{{rating_id}}"): 200,
    ("DELETE", f"{RATINGS}/{{rating_id}}"): 204,
    ("GET", f"{API}/user/{{user_id}}/ratings"): 200,
    ("POST", f"{API}/user/{{user_id}}/ratings/import"): 200,
    # No model has been trained.
    ("GET", f"{API}/user/{{user_id}}/recommended-movies"): 409,
}
"""The routes that a user may call for their own user id, with the expected status."""


@dataclass(frozen=True)
class Site:
    """A running app with a client."""

    app: FastAPI
    client: TestClient
    database: Database

    def add_user(self, role: Role = Role.USER) -> int:
        """Create a user with the common password, and return the id."""
        with self.database.transaction(writes=True) as session:
            return CredentialsService(session, CountingPasswords()).create_user(PASSWORD, role)

    def log_in(self, user_id: int, password: str = PASSWORD) -> dict[str, str]:
        """Sign in, and return the header of authenticated requests."""
        form = {"grant_type": "password", "username": user_id, "password": password}
        token = self.client.post(f"{API}/token", data=form).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def call_all(self, routes: set[Route], headers: dict[str, str], user_id: int) -> dict[Route, int]:
        """Call routes on the resources of a user with a rating, and return the statuses. DELETE comes last."""
        in_order = sorted(routes, key=lambda route: (route[0] == "DELETE", route))
        rating_id = self.rate(user_id)
        return {route: self._call(route, headers, user_id, rating_id) for route in in_order}

    def rate(self, user_id: int) -> int:
        """Rate movie 1 as a user, and return the id of the rating."""
        with self.database.transaction(writes=True) as session:
            wanted = RatingCreate(user_id=user_id, movie_id=1, rating=4.0)
            return RatingService(session).save_rating(wanted).rating.rating_id

    def routes(self) -> set[Route]:
        """List all routes of the app."""
        return {
            (method, context.path)
            for context in iter_route_contexts(self.app.routes)
            for method in (context.methods or {"ANY"}) - {"HEAD"}
            if context.path is not None
        }

    def _call(self, route: Route, headers: dict[str, str], user_id: int, rating_id: int) -> int:
        method, path = route
        names = {"user_id": user_id, "rating_id": rating_id, "movie_id": 1, "run_id": 1, "version": 1}
        url = path.replace(":path", "").format(**names, code="not-found", digest="0", path="favicon.svg")
        if path.endswith("/import"):
            return self.client.request(method, url, content=RATINGS_FILE, headers=headers).status_code
        bodies = {RATINGS: {"user_id": user_id, "movie_id": 2, "rating": 4.0}, ACTIVE_MODEL: {"version": 1}}
        return self.client.request(method, url, json=bodies.get(path), headers=headers).status_code


@pytest.fixture(scope="module")
def sites(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """A running app on each kind of database, shared by all tests; each test creates its own users."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(running_site(request, tmp_path_factory.mktemp("site"), kind))
            for kind in DATABASES
        }


@contextmanager
def running_site(request: pytest.FixtureRequest, folder: Path, kind: str) -> Iterator[Site]:
    """Run an app with two movies."""
    with database_copy(request, folder, kind) as url:
        settings = Settings(
            _env_file=None,
            database_url=url,
            model_store=str(folder / "models"),
            auth=True,
            auth_secret=SecretStr(SECRET),
            # All tests come from one client address.
            login_limit="",
        )
        database = Database(settings)
        movies = ["1,Toy Story (1995),Comedy", "2,Heat (1995),Crime"]
        load_folder(write_source(folder / "films", movies=movies, ratings=[]), database)
        app = create_app(settings)
        with TestClient(app) as client:
            yield Site(app, client, database)
        database.dispose()


on_each_database = for_each_in("sites", "site")


@on_each_database
def test_only_open_routes_answer_without_a_token(site: Site) -> None:
    answers = site.call_all(site.routes(), {}, site.add_user())

    assert {route for route, status in answers.items() if status != 401} == OPEN
    assert len(answers) - len(OPEN) >= 12


@on_each_database
def test_a_forged_token_is_refused_everywhere(site: Site) -> None:
    token = site.log_in(site.add_user(Role.ADMIN))["Authorization"]
    forged = token[:-4] + ("aaaa" if token[-4:] != "aaaa" else "bbbb")

    answers = site.call_all(site.routes() - OPEN, {"Authorization": forged}, site.add_user())

    assert set(answers.values()) == {401}


@on_each_database
def test_another_user_is_refused_everywhere(site: Site) -> None:
    answers = site.call_all(site.routes() - OPEN - MINE, site.log_in(site.add_user()), site.add_user())

    assert set(answers.values()) == {403}


@on_each_database
def test_a_user_may_use_only_their_own_resources(site: Site) -> None:
    alice = site.add_user()

    answers = site.call_all(site.routes() - OPEN - MINE, site.log_in(alice), alice)

    assert {route: status for route, status in answers.items() if status != 403} == OWN


@on_each_database
def test_an_admin_may_do_everything(site: Site) -> None:
    admin = site.log_in(site.add_user(Role.ADMIN))
    # A training would start a process.
    routes = site.routes() - OPEN - MINE - {("POST", f"{API}/recommendation-engine")}

    answers = site.call_all(routes, admin, site.add_user())

    assert {route: answers[route] for route in OWN} == OWN
    assert {status for route, status in answers.items() if route not in OWN} == {200, 201, 404}


@on_each_database
def test_another_user_cannot_find_out_whether_a_user_exists(site: Site) -> None:
    stranger = site.log_in(site.add_user())

    answers = [
        site.client.get(f"{API}/user/{user_id}/ratings", headers=stranger) for user_id in (site.add_user(), 999_999)
    ]

    for answer in answers:
        assert_problem(answer, 403, "access-denied")


@on_each_database
@for_each(
    ("headers", "code", "challenge"),
    [
        ({}, "not-signed-in", "Bearer"),
        ({"Authorization": "Basic MTpwYXNz"}, "not-signed-in", "Bearer"),
        ({"Authorization": "Bearer"}, "invalid-token", 'Bearer error="invalid_token"'),
        ({"Authorization": "Bearer x.y.z"}, "invalid-token", 'Bearer error="invalid_token"'),
    ],
)
def test_an_unauthenticated_request_is_challenged(
    site: Site, headers: dict[str, str], code: str, challenge: str
) -> None:
    answer = site.client.get(f"{API}/user/1/ratings", headers=headers)

    assert_problem(answer, 401, code)
    assert answer.headers["WWW-Authenticate"] == challenge


@on_each_database
def test_authentication_is_checked_before_the_body(site: Site) -> None:
    assert_problem(site.client.post(RATINGS, json={"rating": 9}), 401, "not-signed-in")


@on_each_database
def test_a_rating_for_another_user_changes_nothing(site: Site) -> None:
    alice, bob = site.add_user(), site.add_user()
    rating_id = site.rate(alice)
    body = {"user_id": alice, "movie_id": 1, "rating": 0.5}

    answer = site.client.post(RATINGS, json=body, headers=site.log_in(bob))

    assert_problem(answer, 403, "access-denied")
    assert site.client.get(f"{RATINGS}/{rating_id}", headers=site.log_in(alice)).json()["rating"] == 4.0


@on_each_database
def test_a_new_password_invalidates_earlier_tokens(site: Site) -> None:
    alice = site.add_user()
    token, path = site.log_in(alice), f"{API}/user/{alice}/ratings"
    assert site.client.get(path, headers=token).status_code == 200

    with site.database.transaction(writes=True) as session:
        CredentialsService(session, CountingPasswords()).set_password(alice, ANOTHER)

    assert_problem(site.client.get(path, headers=token), 401, "invalid-token")
    assert site.client.get(path, headers=site.log_in(alice, ANOTHER)).status_code == 200


@on_each_database
def test_a_revoked_role_applies_immediately(site: Site) -> None:
    admin = site.add_user(Role.ADMIN)
    token = site.log_in(admin)
    assert site.client.post(f"{API}/user", headers=token).status_code == 201

    with site.database.transaction(writes=True) as session:
        CredentialsService(session, CountingPasswords()).set_role(admin, Role.USER)

    assert_problem(site.client.post(f"{API}/user", headers=token), 403, "access-denied")


def test_without_authentication_there_is_no_token_endpoint(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        assert_problem(client.post(f"{API}/token", data={"username": "1"}), 404, "not-found")
        assert client.post(f"{API}/user").status_code == 201


@on_each_database
def test_the_document_requires_a_token_exactly_where_the_app_does(site: Site) -> None:
    document = site.client.get("/openapi.json").json()

    asking = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if operation.get("security") == [{"login": []}]
    }
    refusing = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if {"401", "403"} <= operation["responses"].keys()
    }
    assert asking == refusing == site.routes() - OPEN
    assert document["components"]["securitySchemes"]["login"]["flows"]["password"]["tokenUrl"] == f"{API}/token"
