"""These tests start real training processes, which take seconds, so each test covers several steps."""

import signal
import sys
from collections.abc import Iterator

import pytest

from server.backend.config import Settings
from server.backend.database import Database
from server.schemas.recommendation_engine import TrainingRun
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.runs import TrainingRunService
from server.services.training.supervisor import TrainingSupervisor
from tests.support.builders import fall_silent, in_transaction
from tests.support.waiting import wait_until


@pytest.fixture
def supervisor(tastes: Database, settings: Settings) -> Iterator[TrainingSupervisor]:
    supervisor = TrainingSupervisor(tastes, settings)
    yield supervisor
    supervisor.stop()


def request(database: Database) -> int:
    return in_transaction(database, lambda session: RecommendationEngineService(session).request_training())


def get_run(database: Database, run_id: int) -> TrainingRun:
    with database.transaction(writes=False) as session:
        return RecommendationEngineService(session).get_run(run_id)


def supervise_until_ended(supervisor: TrainingSupervisor, run_id: int) -> TrainingRun:
    def has_ended() -> bool:
        supervisor.supervise()
        return get_run(supervisor.database, run_id).finished_at is not None

    wait_until(has_ended)
    return get_run(supervisor.database, run_id)


def test_a_killed_training_fails_and_the_queued_one_succeeds(supervisor: TrainingSupervisor) -> None:
    killed = request(supervisor.database)
    supervisor.supervise()
    status_before = get_run(supervisor.database, killed).status
    following = request(supervisor.database)
    # As the system does when memory runs out.
    supervisor._processes[0]._process.send_signal(signal.SIGKILL)

    ended = [supervise_until_ended(supervisor, run_id) for run_id in (killed, following)]

    assert status_before == "running"
    assert [(run.run_id, run.status, run.error, run.version) for run in ended] == [
        (killed, "failed", "The training process was ended by signal 9.", None),
        (following, "succeeded", None, 1),
    ]


def test_a_training_fails_when_its_server_stops(supervisor: TrainingSupervisor) -> None:
    run_id = request(supervisor.database)
    supervisor.supervise()

    supervisor.stop()

    run = get_run(supervisor.database, run_id)
    assert run.status == "failed"
    # The supervisor kills a process that does not exit in time.
    assert run.error in {"The server stopped during the training.", "The training process was ended by signal 9."}


def test_a_training_that_cannot_be_started_fails_and_another_can_be_queued(
    supervisor: TrainingSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = request(supervisor.database)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    supervisor.supervise()

    run = get_run(supervisor.database, run_id)
    assert run.error == "The training process could not be started: No such file or directory."
    assert request(supervisor.database) != run_id


def test_a_run_without_a_process_fails_after_the_lease(supervisor: TrainingSupervisor) -> None:
    run_id = in_transaction(supervisor.database, lambda session: TrainingRunService(session).start())
    supervisor.supervise()
    status_before = get_run(supervisor.database, run_id).status
    in_transaction(supervisor.database, lambda session: fall_silent(session, run_id))

    supervisor.supervise()

    assert status_before == "running"
    assert "No heartbeat" in str(get_run(supervisor.database, run_id).error)
