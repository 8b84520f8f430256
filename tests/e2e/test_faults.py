"""Faults: killed servers and trainers, databases that are away, locked or full, models that cannot be read.

After each fault the doctor looks: statistics that equal a recount, and a live model that is whole.
"""

import multiprocessing
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Connection, event, make_url, text

from server.app import create_app
from server.backend.config import Settings
from server.backend.model_store import ModelStore
from server.errors import TrainingInProgress
from server.services.diagnostics import DoctorDataManager, Health
from server.services.live.model import LiveModel
from server.services.recommendation_engine import ModelVersionDataManager
from server.services.training.trainer import Trainer
from tests.conftest import DATABASES
from tests.e2e.tools import doomed_trainer
from tests.e2e.tools.chaos import Outcome, Stars, Writer, kill_repeatedly, opened, read_ratings
from tests.support import postgres
from tests.support.installation import API, MATINEE, Installation, Server, poll
from tests.support.problem_details import assert_problem

AT_ONCE = 6
# Shorter than the setting may be, for who was killed needs none.
LEASE_S = 0.1


@pytest.fixture(params=DATABASES)
def installation(request: pytest.FixtureRequest, trained_demo: Installation, tmp_path: Path) -> Iterator[Installation]:
    """Give a demo with model version 1 on each kind of database."""
    if request.param == "sqlite":
        yield trained_demo.copy_to(tmp_path)
        return
    demo: Installation = request.getfixturevalue("trained_demo_on_postgresql")
    template, server = make_url(demo.database_url).database, request.getfixturevalue("postgres_server")
    shutil.copytree(demo.models, tmp_path / "models")
    with postgres.database(server, f"fault_{uuid.uuid4().hex[:12]}", template=str(template)) as url:
        yield Installation(tmp_path, url.render_as_string(hide_password=False))


def assert_is_in_good_health(installation: Installation) -> None:
    """Compare the statistics with a recount, as the doctor does, and read the live model."""
    with opened(installation) as database:
        with database.transaction(writes=False) as session:
            assert DoctorDataManager(session).compare_statistics().health is Health.OK
        live_model = LiveModel(database, ModelStore(str(installation.models)))
        live_model.refresh()
        assert live_model.problem is None


def count_versions(installation: Installation) -> int:
    with opened(installation) as database, database.transaction(writes=False) as session:
        return len(ModelVersionDataManager(session).list_artifacts())


@contextmanager
def writers_held_up(installation: Installation) -> Iterator[None]:
    """Hold the lock that everybody who rates needs."""
    with opened(installation) as database, database.transaction(writes=True) as session:
        if database.engine.dialect.name == "postgresql":
            session.execute(text("LOCK TABLE movie_statistics IN EXCLUSIVE MODE"))
        else:
            session.execute(text("SELECT 1"))
        yield


# --- A server killed while many rate ---


def test_of_ratings_answered_none_is_lost_and_of_others_none_is_half(installation: Installation) -> None:
    outcome = kill_repeatedly(installation, rounds=2)

    assert outcome.answered > 0
    assert outcome == Outcome(rounds=2, answered=outcome.answered)
    assert_is_in_good_health(installation)


def test_what_is_lost_or_half_is_counted() -> None:
    possible: dict[int, set[Stars]] = {1: {4.0}, 2: {4.0}, 3: {None}, 4: {None, 4.0}, 5: {2.0, 4.0}, 6: {2.0, None}}
    kept = {1: (11, 4.0), 2: (12, 3.0), 3: (13, 1.0), 5: (15, 3.0), 6: (16, 2.0), 7: (17, 5.0)}
    writer = Writer(1, np.random.default_rng(0), possible)
    outcome = Outcome()

    writer.settle(kept, outcome)

    assert outcome == Outcome(lost=3, half=1)
    assert writer.possible == {1: {4.0}, 2: {3.0}, 3: {1.0}, 5: {3.0}, 6: {2.0}, 7: {5.0}}
    assert not outcome.is_clean


# --- Trainers ---


def test_a_trainer_killed_at_any_moment_leaves_the_live_model(installation: Installation) -> None:
    settings = Settings(
        _env_file=None,
        database_url=installation.database_url,
        model_store=str(installation.models),
        # It goes through the same stages as any, and in the shortest time.
        algorithm="popularity",
    ).model_copy(update={"training_lease_s": LEASE_S})
    store = ModelStore(settings.model_store)
    # Forked from a process that has imported what a training needs, for that takes longer than the training.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([doomed_trainer.__name__, "sklearn.metrics"])
    with opened(installation) as database:
        trainer, live_model = Trainer(database, store, settings), LiveModel(database, store)

        def begin() -> int | None:
            with suppress(TrainingInProgress):
                return trainer.start_run()
            return None

        for moment in doomed_trainer.MOMENTS:
            doomed = processes.Process(target=doomed_trainer.train_until, args=(moment, poll(begin), settings))
            doomed.start()
            doomed.join(60)
            live_model.refresh()
            found = (moment, doomed.exitcode, live_model.version, live_model.problem)
            assert found == (moment, -signal.SIGKILL, 1, None)
        version = trainer.carry_out(poll(begin), is_to_activate=True)

    assert version == 2
    assert_is_in_good_health(installation)
    installation.run("models", "prune", "--keep", "9")
    assert len(store.list_names()) == 2


def test_of_two_trainings_at_once_one_is_told_to_wait(installation: Installation) -> None:
    def train(_number: int) -> tuple[int, str]:
        done = subprocess.run(
            [MATINEE, "train", "--algorithm", "popularity", "--activate"],
            env=installation.environment(), cwd=installation.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stderr

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(train, range(2)))

    # Where the machine lets the second begin only after the first has ended, both are right to succeed.
    assert outcomes[0] == (0, "")
    assert outcomes[1] in [
        (0, ""),
        (1, "Error: Training run 2 is still running. Wait for it to end, then train again.\n"),
    ]
    assert count_versions(installation) == 1 + sum(code == 0 for code, _ in outcomes)
    assert_is_in_good_health(installation)


# --- Databases ---


def assert_is_unavailable(response: Response) -> None:
    assert_problem(response, 503, "database-unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_a_postgresql_that_stops_and_comes_back_is_followed(tmp_path: Path) -> None:
    with postgres.server_of_its_own() as database:
        installation = Installation(tmp_path, database.url.render_as_string(hide_password=False))
        installation.run("ingest", "demo")
        with installation.serve(database_timeout_s="2") as server:
            user = server.client.post(f"{API}/user").headers["Location"]
            for movie_id in (1, 2):
                database.stop()
                for path in (f"{API}/movies/1", user, "/readyz"):
                    assert_is_unavailable(server.client.get(path))
                assert_is_unavailable(server.client.post(f"{API}/user"))
                assert server.client.get("/livez").status_code == 200
                assert "matinee_database_up 0.0" in server.client.get("/metrics").text

                database.start()
                poll(lambda: server.client.get("/readyz").is_success or None, within_s=30)
                rating = {"user_id": 1, "movie_id": movie_id, "rating": 4.0}
                assert server.client.post(f"{API}/ratings", json=rating).status_code in {200, 201}
                assert server.client.get(user).status_code == 200


def test_while_a_database_is_locked_writers_are_told_to_come_back(installation: Installation) -> None:
    body = {"user_id": 1, "movie_id": 1, "rating": 4.0}
    with installation.serve(database_timeout_s="1") as server:
        with writers_held_up(installation):
            refused = server.client.post(f"{API}/ratings", json=body)
            read = server.client.get(f"{API}/movies/1")
        accepted = server.client.post(f"{API}/ratings", json=body)

    assert_is_unavailable(refused)
    assert (read.status_code, accepted.is_success) == (200, True)


def test_a_full_disk_takes_no_ratings_until_there_is_room(trained_demo: Installation, tmp_path: Path) -> None:
    installation = trained_demo.copy_to(tmp_path)
    room = {"pages": 1}

    def limit(connection: Connection) -> None:
        # SQLite takes a limit below what the file has as: not one page more.
        connection.exec_driver_sql(f"PRAGMA max_page_count = {room['pages']}")

    def rate(movie_id: int) -> Response:
        return client.post(f"{API}/ratings", json={"user_id": user_id, "movie_id": movie_id, "rating": 4.0})

    with TestClient(create_app(Settings(_env_file=None, database_url=installation.database_url))) as client:
        user_id = client.post(f"{API}/user").json()["user_id"]
        event.listen(client.app_state["database"].engine, "begin", limit)
        answers: list[Response] = []
        while not answers or answers[-1].is_success:
            answers.append(rate(len(answers) + 1))
        while_full = client.get(f"{API}/movies/1")
        room["pages"] = 1_000_000
        accepted = rate(len(answers))

    assert_is_unavailable(answers[-1])
    assert (while_full.status_code, accepted.status_code) == (200, 201)
    with opened(installation) as database:
        assert set(read_ratings(database, user_id)) == set(range(1, len(answers) + 1))
    assert_is_in_good_health(installation)


def test_what_is_in_flight_is_answered_when_the_server_is_told_to_stop(installation: Installation) -> None:
    def rate(server: Server, user_id: int) -> int:
        body = {"user_id": user_id, "movie_id": 1, "rating": 1.5}
        return server.client.post(f"{API}/ratings", json=body).status_code

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        server = stack.enter_context(installation.serve())
        with writers_held_up(installation):
            in_flight = [pool.submit(rate, server, user_id) for user_id in range(1, AT_ONCE + 1)]
            time.sleep(1)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            assert not any(request.done() for request in in_flight)
        statuses = {request.result(60) for request in in_flight}
        exit_code = server.process.wait(60)

    assert statuses <= {200, 201}
    assert exit_code == 0
    with opened(installation) as database:
        kept = [read_ratings(database, user_id)[1][1] for user_id in range(1, AT_ONCE + 1)]
    assert kept == [1.5] * AT_ONCE


# --- Models ---


def test_a_server_whose_live_model_is_damaged_starts_with_the_one_before(installation: Installation) -> None:
    installation.run("train", "--algorithm", "popularity", "--activate")
    damaged = max(installation.models.iterdir(), key=lambda path: path.stat().st_mtime)
    (damaged / "manifest.json").write_text("{", encoding="utf-8")

    with installation.serve() as server:
        ready = server.client.get("/readyz").json()
        recommended = server.client.get(f"{API}/user/1/recommended-movies")
        text_of_metrics = server.client.get("/metrics").text

    assert (ready["status"], ready["model_version"]) == ("ready", 1)
    assert ready["model_problem"].startswith("Model version 2 cannot be read.")
    assert recommended.status_code == 200
    assert "matinee_model_problem 1.0" in text_of_metrics
