"""These tests start real training processes, which take seconds, so each test covers several steps."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from server.backend.config import Settings
from server.backend.database import Database
from server.schemas.recommendation_engine import TrainingRun
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.runs import TrainingRunDataManager, TrainingRunService
from server.services.training.supervisor import TrainingSupervisor
from tests.support.builders import in_transaction
from tests.support.waiting import wait_until


@pytest.fixture
def supervisor(tastes: Database, settings: Settings) -> Iterator[TrainingSupervisor]:
    # At normal priority, so that the tests do not wait for a training that a busy machine starves.
    supervisor = TrainingSupervisor(tastes, settings, lowers_priority=False)
    yield supervisor
    supervisor.stop()


def request(database: Database) -> int:
    return in_transaction(database, lambda session: RecommendationEngineService(session).request_training())


def process_of(supervisor: TrainingSupervisor) -> subprocess.Popen[str]:
    assert supervisor._process is not None
    return supervisor._process._process


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
    process_of(supervisor).send_signal(signal.SIGKILL)

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


def test_a_cancelled_training_stops_and_the_queued_one_starts(supervisor: TrainingSupervisor) -> None:
    cancelled = request(supervisor.database)
    supervisor.supervise()
    process = process_of(supervisor)
    following = request(supervisor.database)
    in_transaction(supervisor.database, lambda session: TrainingRunService(session).cancel(cancelled))

    ended = supervise_until_ended(supervisor, cancelled)

    assert (ended.status, ended.error) == ("cancelled", "Cancelled on request.")
    assert process.poll() == -signal.SIGKILL
    supervisor.supervise()
    assert get_run(supervisor.database, following).status == "running"


def test_a_suspended_training_stays_alive(supervisor: TrainingSupervisor, settings: Settings) -> None:
    run_id = request(supervisor.database)
    supervisor.supervise()
    os.kill(process_of(supervisor).pid, signal.SIGSTOP)
    observer = TrainingSupervisor(supervisor.database, settings.model_copy(update={"training_lease_s": 0.6}))
    beats: set[int] = set()

    def has_beaten_for_several_leases() -> bool:
        supervisor._next_heartbeat = 0.0
        supervisor.supervise()
        observer.supervise()
        with supervisor.database.transaction(writes=False) as session:
            running = TrainingRunDataManager(session).get_queue().running
        beats.add(running.heartbeats if running else -1)
        return len(beats) > 60

    wait_until(has_beaten_for_several_leases)
    still = get_run(supervisor.database, run_id).status
    os.kill(process_of(supervisor).pid, signal.SIGCONT)

    assert still == "running"
    assert supervise_until_ended(supervisor, run_id).status == "succeeded"


def test_a_run_whose_server_is_gone_fails_after_the_lease(database: Database, settings: Settings) -> None:
    run_id = in_transaction(database, lambda session: TrainingRunService(session).start())
    observer = TrainingSupervisor(database, settings.model_copy(update={"training_lease_s": 0.3}))
    observer.supervise()
    status_before = get_run(database, run_id).status

    run = supervise_until_ended(observer, run_id)

    assert status_before == "running"
    assert run.status == "failed"
    assert "no heartbeat for 0.3 s" in str(run.error)


def test_a_server_that_leaves_trainings_to_workers_starts_none(database: Database, settings: Settings) -> None:
    run_id = request(database)
    server = TrainingSupervisor(database, settings, starts_runs=False)

    server.supervise()

    assert get_run(database, run_id).status == "queued"
