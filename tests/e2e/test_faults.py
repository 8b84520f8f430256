"""Faults: killed servers and trainers, unavailable, locked or full databases, unreadable models.

After each fault the checks of `matinee doctor` must pass: statistics equal a recount, and the live model is intact.
"""

import json
import multiprocessing
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from select import select as wait_for_data
from socket import MSG_WAITALL

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import Connection, event, select, text, update

from server.app import create_app
from server.backend.config import Settings
from server.backend.model_store import ModelStore
from server.command_errors import TrainingInProgress
from server.models import RunStatus, StoredIndex, TrainingRun
from server.schemas.diagnostics import Health
from server.services.diagnostics import DoctorDataManager
from server.services.live.model import LiveModel
from server.services.model_versions import ModelVersionDataManager
from server.services.training.trainer import Trainer
from tests.conftest import DATABASES
from tests.e2e.tools import doomed_trainer
from tests.e2e.tools.chaos import Outcome, Stars, Writer, kill_repeatedly, opened, read_ratings
from tests.support import postgres
from tests.support.installation import API, FAST_TRAINING, MATINEE, Installation, Server
from tests.support.problem_details import assert_problem
from tests.support.suspension import suspended
from tests.support.waiting import DEADLINE_S, poll, wait_until

AT_ONCE = 6
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LEASE_S = 0.1
"""Shorter than the setting allows, because the trainers of this test are known to be dead."""


@pytest.fixture(params=DATABASES)
def installation(request: pytest.FixtureRequest, trained_demo: Installation, tmp_path: Path) -> Installation:
    """Return a demo with model version 1 on each kind of database."""
    if request.param == "sqlite":
        return trained_demo.copy_to(tmp_path)
    return request.getfixturevalue("installation_on_postgresql")  # type: ignore[no-any-return] # as the fixture says


def assert_is_in_good_health(installation: Installation) -> None:
    """Compare the statistics with a recount, as the doctor does, and load the live model."""
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
def writers_blocked(installation: Installation) -> Iterator[None]:
    """Hold the lock that every rating needs."""
    with opened(installation) as database, database.transaction(writes=True) as session:
        if database.engine.dialect.name == "postgresql":
            session.execute(text("LOCK TABLE movie_statistics IN EXCLUSIVE MODE"))
        else:
            session.execute(text("SELECT 1"))
        yield


# --- Killed servers ---


def test_a_killed_server_loses_no_answered_rating_and_keeps_no_half_one(installation: Installation) -> None:
    outcome = kill_repeatedly(installation, rounds=2)

    assert outcome.answered > 0
    assert outcome == Outcome(rounds=2, answered=outcome.answered)
    assert_is_in_good_health(installation)


def test_lost_and_half_ratings_are_counted() -> None:
    possible: dict[int, set[Stars]] = {1: {4.0}, 2: {4.0}, 3: {None}, 4: {None, 4.0}, 5: {2.0, 4.0}, 6: {2.0, None}}
    kept = {1: (11, 4.0), 2: (12, 3.0), 3: (13, 1.0), 5: (15, 3.0), 6: (16, 2.0), 7: (17, 5.0)}
    writer = Writer(1, np.random.default_rng(0), possible)
    outcome = Outcome()

    writer.settle(kept, outcome)

    assert outcome == Outcome(lost=3, half=1)
    assert writer.possible == {1: {4.0}, 2: {3.0}, 3: {1.0}, 5: {3.0}, 6: {2.0}, 7: {5.0}}
    assert not outcome.is_clean


# --- Killed trainers ---


def test_a_trainer_killed_at_any_moment_leaves_the_live_model(installation: Installation) -> None:
    settings = Settings(
        _env_file=None,
        database_url=installation.database_url,
        model_store=str(installation.models),
        # The fastest algorithm; it goes through the same stages as the others.
        algorithm="popularity",
    ).model_copy(update={"training_lease_s": LEASE_S})
    store = ModelStore(settings.model_store)
    # Fork from a process that has imported the training modules, because importing takes longer than training.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([doomed_trainer.__name__, "scipy.linalg"])
    with opened(installation) as database:
        trainer, live_model = Trainer(database, store, settings), LiveModel(database, store)

        def begin() -> int | None:
            with suppress(TrainingInProgress):
                return trainer.start_run()
            return None

        for moment in doomed_trainer.MOMENTS:
            doomed = processes.Process(target=doomed_trainer.train_until, args=(moment, poll(begin), settings))
            doomed.start()
            doomed.join(DEADLINE_S)
            live_model.refresh()
            found = (moment, doomed.exitcode, live_model.version, live_model.problem)
            assert found == (moment, -signal.SIGKILL, 1, None)
        version = trainer.carry_out(poll(begin), force_activation=True)

    assert version == 2
    assert_is_in_good_health(installation)
    installation.run("models", "prune", "--keep", "9")
    assert len(store.list_names()) == 2


def test_only_one_of_two_simultaneous_trainings_runs(installation: Installation) -> None:
    def train(_number: int) -> tuple[int, str]:
        done = subprocess.run(
            [MATINEE, "train", "--algorithm", "popularity", "--activate"],
            env=installation.environment(), cwd=installation.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stderr

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(train, range(2)))

    # If the second starts only after the first has ended, both succeed.
    assert outcomes[0] == (0, "")
    assert outcomes[1] in [
        (0, ""),
        (1, "Error: Training run 2 is still running. Wait until it ends, then train again.\n"),
    ]
    assert count_versions(installation) == 1 + sum(code == 0 for code, _ in outcomes)
    assert_is_in_good_health(installation)


def test_a_training_survives_a_suspended_machine(installation: Installation) -> None:
    lease_s = 1

    def read_age_s() -> float:
        with opened(installation) as database, database.transaction(writes=False) as session:
            beaten_at = session.scalar(select(TrainingRun.heartbeat_at).where(TrainingRun.status == RunStatus.RUNNING))
        assert beaten_at is not None
        return (datetime.now(UTC) - beaten_at).total_seconds()

    with installation.serve(training_lease_s=str(lease_s), **FAST_TRAINING) as server:
        run = server.start_training()
        trainer = server.wait_for_trainer(run)
        with suspended(server.process.pid, trainer):
            wait_until(lambda: read_age_s() > 3 * lease_s)
        end = server.wait_for_end(run)

    assert (end["status"], end["error"]) == ("succeeded", None)


# --- Databases ---


def assert_is_unavailable(response: Response) -> None:
    assert_problem(response, 503, "database-unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_a_server_survives_restarts_of_postgresql(tmp_path: Path) -> None:
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
                poll(lambda: server.client.get("/readyz").is_success or None)
                rating = {"user_id": 1, "movie_id": movie_id, "rating": 4.0}
                assert server.client.post(f"{API}/ratings", json=rating).status_code in {200, 201}
                assert server.client.get(user).status_code == 200


def test_writes_are_refused_with_retry_after_while_the_database_is_locked(installation: Installation) -> None:
    body = {"user_id": 1, "movie_id": 1, "rating": 4.0}
    with installation.serve(database_timeout_s="1") as server:
        with writers_blocked(installation):
            refused = server.client.post(f"{API}/ratings", json=body)
            read = server.client.get(f"{API}/movies/1")
        accepted = server.client.post(f"{API}/ratings", json=body)

    assert_is_unavailable(refused)
    assert (read.status_code, accepted.is_success) == (200, True)


def test_ratings_are_refused_while_the_disk_is_full(trained_demo: Installation, tmp_path: Path) -> None:
    installation = trained_demo.copy_to(tmp_path)
    room = {"pages": 1}

    def limit(connection: Connection) -> None:
        # A limit below the current size of the file means: not one page more.
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


def test_a_stopping_server_answers_the_requests_in_flight(installation: Installation) -> None:
    user_ids = range(1, AT_ONCE + 1)
    with installation.serve() as server, ExitStack() as connections:
        with writers_blocked(installation):
            in_flight = [connections.enter_context(closing(send_rating(server, user_id))) for user_id in user_ids]
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "Shutting down" in server.log.read_text())
            answered, _, _ = wait_for_data([connection.sock for connection in in_flight], [], [], 0)
        statuses = {connection.getresponse().status for connection in in_flight}
        exit_code = server.process.wait(DEADLINE_S)

    assert answered == []
    assert statuses <= {200, 201}
    assert exit_code == 0
    with opened(installation) as database:
        kept = [read_ratings(database, user_id)[1][1] for user_id in user_ids]
    assert kept == [1.5] * AT_ONCE


def send_rating(server: Server, user_id: int) -> HTTPConnection:
    """Send a rating of movie 1 on a new connection, and return once the server has begun to read it."""
    connection = HTTPConnection(server.address.removeprefix("http://"), timeout=DEADLINE_S)
    body = json.dumps({"user_id": user_id, "movie_id": 1, "rating": 1.5})
    headers = {"Content-Type": "application/json", "Expect": "100-continue"}
    connection.request("POST", f"{API}/ratings", body, headers)
    assert connection.sock.recv(len(CONTINUE), MSG_WAITALL) == CONTINUE
    return connection


# --- Models and indexes ---


def test_a_damaged_search_index_is_rebuilt(installation: Installation) -> None:
    with opened(installation) as database, database.transaction(writes=True) as session:
        content = session.scalars(select(StoredIndex.content)).one()
        damaged = content[: len(content) // 2] + bytes(100) + content[len(content) // 2 + 100 :]
        session.execute(update(StoredIndex).values(content=damaged))

    with installation.serve() as server:
        found = server.client.get(f"{API}/movies?search=matrix").json()["movies"]

    assert [movie["title"] for movie in found] == ["The Matrix"]


def test_a_server_with_a_damaged_live_model_serves_its_predecessor(installation: Installation) -> None:
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
