"""Faults: killed servers and trainers, databases that are away, locked or full.

After each fault the doctor looks: statistics that equal a recount, and a live model that is whole.
"""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from httpx2 import Client, Response, TransportError
from sqlalchemy import select, text

from server.backend.config import Settings
from server.backend.session import Database
from server.models import Rating
from tests import postgres
from tests.conftest import DATABASES, database_copy
from tests.e2e.installation import API, ENGINE, MATINEE, Installation, Server, poll
from tests.problem_details import assert_problem

WRITERS = 6
STAGES = ("reading", "splitting", "tuning", "fitting", "evaluating", "calibrating", "refitting", "comparing", "storing")

# A trainer that is killed at a moment that its argument names, with no chance to say farewell.
DOOMED_TRAINER = """
import os, signal, sys
from contextlib import contextmanager
from server.backend.config import Settings
from server.backend.model_store import ModelStore
from server.backend.session import Database
from server.services.training import Trainer

moment = sys.argv[1]

def die_at(name, *_):
    if name == moment:
        os.kill(os.getpid(), signal.SIGKILL)

class Store(ModelStore):
    @contextmanager
    def publish(self, label):
        with super().publish(label) as (name, open_file):
            files = []
            def open_and_count(file_name, mode):
                files.append(file_name)
                die_at(f"file {len(files)}")
                return open_file(file_name, mode)
            yield name, open_and_count
            die_at("before the rename")

    def size_bytes(self, name):
        die_at("before the entry")
        return super().size_bytes(name)

settings = Settings.load()
trainer = Trainer(Database(settings), Store(settings.model_store), settings)
trainer.carry_out(trainer.start_run(), die_at)
"""
MOMENTS = (*STAGES, "file 1", "file 2", "before the rename", "before the entry")


@pytest.fixture(params=DATABASES)
def installation(request: pytest.FixtureRequest, trained_demo: Installation, tmp_path: Path) -> Iterator[Installation]:
    """Give a demo with model version 1 on each kind of database."""
    if request.param == "sqlite":
        yield trained_demo.copy_to(tmp_path)
        return
    with database_copy(request, tmp_path) as url:
        installation = Installation(tmp_path, url)
        installation.run("ingest", "demo")
        installation.run("train")
        yield installation


def assert_is_in_good_health(installation: Installation) -> None:
    """Let the doctor look at everything, statistics and the live model among it; it fails for what is wrong."""
    report = installation.run("doctor")
    assert "ok       statistics: " in report
    assert "ok       live model: " in report


@contextmanager
def opened(installation: Installation) -> Iterator[Database]:
    """Give the database itself."""
    database = Database(Settings(_env_file=None, database_url=installation.database_url))
    try:
        yield database
    finally:
        database.dispose()


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


@dataclass
class Writer:
    """Rates and takes back, one request after the other, each movie its own; knows what must be in the database."""

    user_id: int
    generator: random.Random
    acknowledged: dict[int, float | None] = field(default_factory=dict)
    """Stars of each movie after its last answer; None: taken back."""
    rating_ids: dict[int, int] = field(default_factory=dict)
    doubtful: tuple[int, float | None] | None = None
    """What was asked for last, and not answered."""

    def write_until_killed(self, server: Server) -> int:
        """Go on until there is no answer; give the number of answers."""
        answers = 0
        with Client(base_url=server.address, timeout=60) as client:
            while True:
                try:
                    self._write(client)
                except TransportError:
                    return answers
                answers += 1

    def _write(self, client: Client) -> None:
        movie_id = self.generator.randint(1, 20)
        if self.acknowledged.get(movie_id) is not None and self.generator.random() < 0.3:
            self.doubtful = (movie_id, None)
            assert client.delete(f"{API}/ratings/{self.rating_ids[movie_id]}").status_code == 204
        else:
            stars = self.generator.randint(1, 10) / 2
            self.doubtful = (movie_id, stars)
            body = {"user_id": self.user_id, "movie_id": movie_id, "rating": stars}
            answer = client.post(f"{API}/ratings", json=body)
            assert answer.status_code in {200, 201}, answer.text
            self.rating_ids[movie_id] = answer.json()["rating_id"]
        self.acknowledged[movie_id] = self.doubtful[1]
        self.doubtful = None

    def settle(self, kept: dict[int, tuple[int, float]]) -> None:
        """Compare with what the database has kept, by movie: rating id and stars."""
        for movie_id, stars in self.acknowledged.items():
            found = kept.get(movie_id, (0, None))[1]
            allowed = {stars, self.doubtful[1]} if self.doubtful and self.doubtful[0] == movie_id else {stars}
            assert found in allowed, f"user {self.user_id}, movie {movie_id}: {found} is kept, not one of {allowed}"
        known = {*self.acknowledged, *([self.doubtful[0]] if self.doubtful else [])}
        assert set(kept) <= known
        self.acknowledged = {movie_id: stars for movie_id, (_, stars) in kept.items()}
        self.rating_ids = {movie_id: rating_id for movie_id, (rating_id, _) in kept.items()}
        self.doubtful = None


def read_ratings(installation: Installation, user_id: int) -> dict[int, tuple[int, float]]:
    """Give a user's ratings, by movie: id and stars."""
    statement = select(Rating.movie_id, Rating.rating_id, Rating.rating).where(Rating.user_id == user_id)
    with opened(installation) as database, database.transaction(writes=False) as session:
        return {movie_id: (rating_id, stars) for movie_id, rating_id, stars in session.execute(statement)}


def test_of_ratings_answered_none_is_lost_and_of_others_none_is_half(
    installation: Installation, chaos_rounds: int
) -> None:
    with installation.serve() as server:
        user_ids = [server.client.post(f"{API}/user").json()["user_id"] for _ in range(WRITERS)]
    generator = random.Random(chaos_rounds)
    writers = [Writer(user_id, random.Random(user_id)) for user_id in user_ids]
    answers = 0

    for _ in range(chaos_rounds):
        with installation.serve() as server, ThreadPoolExecutor(WRITERS) as pool:
            counts = [pool.submit(writer.write_until_killed, server) for writer in writers]
            time.sleep(generator.uniform(0.2, 1.0))
            server.end(signal.SIGKILL)
            answers += sum(count.result(60) for count in counts)
        for writer in writers:
            writer.settle(read_ratings(installation, writer.user_id))
        assert_is_in_good_health(installation)

    print(f"{chaos_rounds} rounds, {answers} writes answered")  # noqa: T201 (shown by make chaos)
    assert answers > chaos_rounds * WRITERS


# --- Trainers ---


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_trainer_killed_at_any_moment_leaves_the_live_model(
    trained_demo: Installation, tmp_path: Path, moment: str
) -> None:
    installation = trained_demo.copy_to(tmp_path)
    doomed = subprocess.run(
        [sys.executable, "-c", DOOMED_TRAINER, moment],
        env=installation.environment(training_lease_s="1"), cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert doomed.returncode == -signal.SIGKILL, doomed.stderr

    with installation.serve(training_lease_s="1", algorithm="popularity") as server:
        lost = server.wait_for_end(f"{ENGINE}/runs/2")
        next_run = server.wait_for_end(server.start_training())

    assert (lost["status"], lost["version"]) == ("failed", None)
    assert next_run["status"] == "succeeded"
    assert_is_in_good_health(installation)


def test_of_two_trainings_at_once_one_is_told_to_wait(installation: Installation) -> None:
    with ThreadPoolExecutor(2) as pool:
        command = [MATINEE, "train", "--algorithm", "popularity", "--activate"]
        environment = installation.environment()

        def train(_number: int) -> tuple[int, str]:
            done = subprocess.run(
                command, env=environment, cwd=installation.folder, capture_output=True, text=True, check=False
            )
            return done.returncode, done.stderr

        outcomes = sorted(pool.map(train, range(2)))

    # Where the machine lets the second begin only after the first has ended, both are right to succeed.
    assert outcomes[0] == (0, "")
    assert outcomes[1] in [
        (0, ""),
        (1, "Error: Training run 2 is still running. Wait for it to end, then train again.\n"),
    ]
    versions = len(installation.run("models").splitlines()) - 1
    assert versions == 1 + sum(code == 0 for code, _ in outcomes)
    assert_is_in_good_health(installation)


# --- Databases ---


def assert_is_unavailable(response: Response) -> None:
    assert_problem(response, 503, "database-unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_a_postgresql_that_stops_and_comes_back_is_followed(tmp_path: Path, chaos_rounds: int) -> None:
    with postgres.server_of_its_own() as database:
        installation = Installation(tmp_path, database.url.render_as_string(hide_password=False))
        installation.run("ingest", "demo")
        with installation.serve(database_timeout_s="2") as server:
            user = server.client.post(f"{API}/user").headers["Location"]
            for movie_id in range(1, chaos_rounds + 1):
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


def test_what_is_in_flight_is_answered_when_the_server_is_told_to_stop(installation: Installation) -> None:
    def rate(server: Server, user_id: int) -> int:
        body = {"user_id": user_id, "movie_id": 1, "rating": 1.5}
        return server.client.post(f"{API}/ratings", json=body).status_code

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(WRITERS))
        server = stack.enter_context(installation.serve())
        with writers_held_up(installation):
            in_flight = [pool.submit(rate, server, user_id) for user_id in range(1, WRITERS + 1)]
            time.sleep(1)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1)
            assert not any(request.done() for request in in_flight)
        statuses = {request.result(60) for request in in_flight}
        exit_code = server.process.wait(60)

    assert statuses <= {200, 201}
    assert exit_code == 0
    assert [read_ratings(installation, user_id)[1][1] for user_id in range(1, WRITERS + 1)] == [1.5] * WRITERS


# --- Models ---


def test_a_server_whose_live_model_is_damaged_starts_with_the_one_before(installation: Installation) -> None:
    installation.run("train", "--activate")
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
