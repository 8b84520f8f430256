"""A read replica answers what may be a second late, and the database itself everything while it is down.

The two databases differ, so that each response shows where it was read: in the replica, films are called "Late".
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from server.app import create_app
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.services.diagnostics import examine
from server.services.training.trainer import Trainer
from tests.conftest import DATABASES, database_copy
from tests.support.builders import taste_rows
from tests.support.source_files import load_folder, write_source
from tests.support.waiting import wait_until

API = "/api/rest/v1"
GUEST = {"ratings": [{"movie_id": 1, "rating": 5}], "expand": ["movies"]}

LATE_PATHS = [
    "/movies",
    "/movies?search=2000",
    "/movies?sort=popularity",
    "/movies?genre=Western&sort=title",
    "/movies?facets=true",
    "/movies?user_id=1",
    "/genres",
]
CURRENT_PATHS = [
    "/movies/1",
    "/movies/1/avg-rating",
    "/movies/1/similar?expand=movies",
    "/user/1/ratings?expand=movies",
    "/user/1/recommended-movies?expand=movies",
    "/user/1/recommended-movies?explain=true",
]


@pytest.fixture(scope="module", params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a trained database with a replica that has other titles and genres, and no user 1."""
    folder = tmp_path_factory.mktemp("replicated")
    movies, ratings = taste_rows()
    late = [row.replace("Film", "Late").replace("Comedy", "Western") for row in movies]
    (folder / "replica").mkdir()
    with database_copy(request, folder) as url, database_copy(request, folder / "replica") as read_url:
        settings = Settings(
            _env_file=None,
            database_url=url,
            database_read_url=read_url,
            model_store=str(folder / "models"),
            algorithm="popularity",
        )
        primary, replica = Database(settings), Database(Settings(_env_file=None, database_url=read_url))
        load_folder(write_source(folder / "films", movies=movies, ratings=ratings), primary)
        others = [row for row in ratings if not row.startswith("1,")]
        load_folder(write_source(folder / "late", movies=late, ratings=others), replica)
        trainer = Trainer(primary, ModelStore(settings.model_store), settings)
        trainer.carry_out(trainer.start_run())
        for database in (primary, replica):
            database.dispose()
        yield settings


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that returns the warnings about the replica."""
    caplog.set_level(logging.WARNING, "server.backend.availability")
    return lambda: [record.getMessage() for record in caplog.records if "replica" in record.getMessage()]


def origins(client: TestClient, paths: list[str]) -> dict[str, str]:
    """Return the names of the films in each response."""
    logging.getLogger("server").propagate = True  # The app has configured the logger; the test reads it.
    found = {}
    for path in paths:
        response = client.get(API + path)
        assert response.status_code == 200, (path, response.text)
        names = [name for name in ("Film", "Late", "Comedy", "Western") if name in response.text]
        found[path] = names[0] if len({"Film", "Comedy"} & {*names}) in {0, len(names)} else "both"
    return found


def test_each_route_reads_where_it_may(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        late, current = origins(client, LATE_PATHS), origins(client, CURRENT_PATHS)
        guest = client.post(f"{API}/recommendations", json=GUEST)
        users = client.get(f"{API}/statistics").json()["users"]
        rated = client.get(f"{API}/movies?user_id=1&limit=100").json()["movies"]
        saved = client.post(f"{API}/ratings", json={"user_id": 1, "movie_id": 1, "rating": 5})
        at_once = client.get(f"{API}/movies/1/rating-histogram").json()["histogram"][-1]["count"]
        late_tags = client.get(f"{API}/movies/99/tags"), client.get(f"{API}/tags")

    assert {*late.values()} <= {"Late", "Western"}, late
    assert {*current.values()} == {"Film"}, current
    assert "Film" in guest.text
    assert "Late" not in guest.text
    assert users == 39, "user 1 is only in the database itself"
    assert any(movie["user_rating"] for movie in rated), "a user's ratings are never read from the replica"
    assert (saved.status_code in {200, 201}, at_once > 0) == (True, True)
    assert [answer.status_code for answer in late_tags] == [404, 200]


@pytest.fixture
def replica(settings: Settings) -> Iterator[Engine]:
    """The engine of an operator of the replica."""
    database = Database(Settings(_env_file=None, database_url=settings.database_read_url))
    yield database.engine
    database.dispose()


def rename(engine: Engine, name: str, new_name: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {new_name}"))


def test_the_database_answers_while_the_replica_fails(
    settings: Settings, replica: Engine, warnings: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.app.PROBE_INTERVAL_S", 0.01)
    paths = ["/genres", "/movies?search=2000", "/movies"]
    with TestClient(create_app(settings)) as client:
        before = origins(client, paths)
        for table in ("genres", "ingestions"):
            rename(replica, table, f"{table}_gone")
        try:
            # On another page, because the titles of the first are kept in memory.
            during = origins(client, ["/genres", "/movies?page=3"])
        finally:
            for table in ("genres", "ingestions"):
                rename(replica, f"{table}_gone", table)
        wait_until(lambda: len(warnings()) > 1)
        after = origins(client, paths)

    assert {*before.values(), *after.values()} == {"Late", "Western"}
    assert list(during.values()) == ["Comedy", "Film"]
    lost, found = warnings()
    assert lost.startswith("The read replica does not answer: ")
    assert found == "The read replica answers again"


def test_a_server_starts_without_its_replica(
    settings: Settings, warnings: Callable[[], list[str]], tmp_path: Path
) -> None:
    gone = (
        f"sqlite:///{tmp_path}/gone.db"
        if settings.sqlite_file
        else "postgresql://nobody:secret-word@127.0.0.1:1/nothing"
    )
    settings = settings.model_copy(update={"database_read_url": gone})
    logging.getLogger("server").propagate = True
    with TestClient(create_app(settings)) as client:
        found = origins(client, ["/genres", "/movies", "/movies/1"])

    finding = next(finding for finding in examine(settings) if finding.name == "read replica")
    assert {*found.values()} == {"Film", "Comedy"}
    assert len(warnings()) <= 1
    assert not (tmp_path / "gone.db").exists()
    assert (finding.health, "secret-word" in finding.detail) == ("warning", False)
