from functools import partial

import pytest
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.command_errors import TrainingInProgress
from server.errors import ConflictError, RunNotFound
from server.recommender.evaluation.comparison import Verdict
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.runs import (
    Queue,
    RunningRun,
    RunState,
    TrainingRunDataManager,
    TrainingRunService,
    describe_loss,
)
from tests.support.builders import PASSED, add_version, in_transaction, version_values
from tests.support.tables import for_each_in
from tests.support.threads import at_once

Services = tuple[TrainingRunService, RecommendationEngineService, TrainingRunDataManager]


@pytest.fixture
def services(sessions: dict[str, Session]) -> dict[str, Services]:
    return {
        kind: (TrainingRunService(session), RecommendationEngineService(session), TrainingRunDataManager(session))
        for kind, session in sessions.items()
    }


on_each_database = for_each_in("services", "queue, engine, runs")
on_each_empty_database = for_each_in("databases", "database")


def request(session: Session) -> int:
    return TrainingRunService(session).request()


def start(session: Session) -> int:
    return TrainingRunService(session).start()


def claim(session: Session) -> int | None:
    return TrainingRunService(session).claim_queued()


@on_each_database
def test_a_request_queues_a_run(queue: TrainingRunService, engine: RecommendationEngineService) -> None:
    run = engine.get_run(queue.request())

    assert run == schemas.TrainingRun(
        run_id=run.run_id,
        status="queued",
        stage=None,
        progress=0.0,
        error=None,
        version=None,
        is_activated=None,
        verdict=None,
        created_at=run.created_at,
        started_at=None,
        finished_at=None,
    )


@on_each_database
def test_requests_share_the_queued_run(queue: TrainingRunService) -> None:
    assert len({queue.request() for _ in range(3)}) == 1


@on_each_database
def test_requests_during_a_run_share_one_follow_up(queue: TrainingRunService) -> None:
    running = queue.request()
    queue.claim_queued()

    following = {queue.request() for _ in range(3)}

    assert len(following) == 1
    assert running not in following
    assert queue.claim_queued() is None


@on_each_database
def test_the_follow_up_can_be_claimed_when_the_first_run_ends(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    running = queue.start()
    following = queue.request()

    runs.fail(running, "for a reason")

    assert queue.claim_queued() == following
    assert engine.get_run(following).status == "running"
    assert engine.get_run(following).started_at is not None


@on_each_database
def test_nothing_is_claimed_from_an_empty_queue(queue: TrainingRunService) -> None:
    assert queue.claim_queued() is None


@on_each_empty_database
def test_concurrent_requests_share_one_run(database: Database) -> None:
    run_ids = at_once([partial(in_transaction, database, request)] * 8)

    assert len(set(run_ids)) == 1


@on_each_empty_database
def test_exactly_one_of_concurrent_claims_wins(database: Database) -> None:
    run_id = in_transaction(database, request)

    claimed = at_once([partial(in_transaction, database, claim)] * 8)

    assert sorted(claimed, key=str) == [run_id, *[None] * 7]


@on_each_empty_database
def test_exactly_one_of_concurrent_starts_wins(database: Database) -> None:
    def begin() -> int | str:
        try:
            return in_transaction(database, start)
        except TrainingInProgress as error:
            return str(error)

    begun = at_once([begin] * 8)

    [run_id] = [run_id for run_id in begun if isinstance(run_id, int)]
    assert begun.count(str(TrainingInProgress(run_id))) == 7


@on_each_database
def test_a_second_run_is_refused_and_the_transaction_continues(
    queue: TrainingRunService, engine: RecommendationEngineService
) -> None:
    run_id = queue.start()

    with pytest.raises(TrainingInProgress, match=f"Training run {run_id} is still running"):
        queue.start()

    assert engine.get_run(run_id).status == "running"


@on_each_database
def test_a_heartbeat_records_the_progress(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = queue.start()

    assert runs.beat(run_id, "fitting", 0.25) is RunState.RUNNING

    assert (engine.get_run(run_id).stage, engine.get_run(run_id).progress) == ("fitting", 0.25)


@on_each_database
def test_an_ended_run_does_not_change(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = queue.start()
    runs.fail(run_id, "the first reason")
    ended = engine.get_run(run_id)

    changes = [runs.beat(run_id, "fitting", 0.5), runs.fail(run_id, "another reason")]

    assert changes == [RunState.ENDED, False]
    assert engine.get_run(run_id) == ended
    assert (ended.status, ended.error) == ("failed", "the first reason")


@on_each_database
def test_a_lost_run_fails_with_the_lease(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = queue.start()

    ended = [runs.fail_lost(RunningRun(run_id, 0), describe_loss(30)) for _ in range(2)]

    assert ended == [True, False]
    run = engine.get_run(run_id)
    assert run.status == "failed"
    assert run.error == (
        "The server that ran the training sent no heartbeat for 30 s and is considered lost. "
        "The next training can start."
    )
    assert run.finished_at is not None


@on_each_database
def test_a_run_that_has_sent_another_heartbeat_is_not_lost(
    queue: TrainingRunService, runs: TrainingRunDataManager
) -> None:
    run_id = queue.start()
    runs.beat(run_id, "fitting", 0.5)

    assert not runs.fail_lost(RunningRun(run_id, 0), describe_loss(30))
    assert runs.get_queue().running == RunningRun(run_id, 1)


@on_each_database
def test_the_queue_has_the_unfinished_runs(queue: TrainingRunService, runs: TrainingRunDataManager) -> None:
    empty = runs.get_queue()
    first = queue.request()
    only_queued = runs.get_queue()
    queue.claim_queued()
    second = queue.request()

    assert empty == Queue(running=None, queued=None)
    assert only_queued == Queue(running=None, queued=first)
    assert runs.get_queue() == Queue(running=RunningRun(first, 0), queued=second)


@on_each_database
def test_a_queued_run_is_cancelled_at_once(queue: TrainingRunService, runs: TrainingRunDataManager) -> None:
    run_id = queue.request()

    run = queue.cancel(run_id)

    assert (run.status, run.error, run.started_at) == ("cancelled", "Cancelled on request.", None)
    assert run.finished_at is not None
    assert runs.get_queue() == Queue(running=None, queued=None)


@on_each_database
def test_a_running_run_stays_running_until_its_training_has_stopped(
    queue: TrainingRunService, runs: TrainingRunDataManager
) -> None:
    run_id = queue.start()

    cancelling = queue.cancel(run_id)
    state = runs.beat(run_id, "fitting", 0.5)
    during = queue.get(run_id)
    runs.fail(run_id, "The training process was ended by signal 9.")

    assert (cancelling.status, cancelling.stage) == ("running", "cancelling")
    assert state is RunState.CANCELLING
    assert (during.status, during.stage) == ("running", "cancelling")
    assert (queue.get(run_id).status, queue.get(run_id).error) == ("cancelled", "Cancelled on request.")


@on_each_database
def test_the_model_of_a_cancelled_run_is_discarded(queue: TrainingRunService) -> None:
    run_id = queue.start()
    queue.cancel(run_id)

    with pytest.raises(ConflictError, match=f"Training run {run_id} was cancelled or ended"):
        queue.complete(run_id, version_values("late"), PASSED)


@on_each_database
def test_an_ended_run_cannot_be_cancelled(queue: TrainingRunService, runs: TrainingRunDataManager) -> None:
    run_id = queue.start()
    runs.fail(run_id, "for a reason")

    with pytest.raises(ConflictError, match=f"Training run {run_id} has already ended: its status is failed."):
        queue.cancel(run_id)
    with pytest.raises(RunNotFound):
        queue.cancel(run_id + 1)


@on_each_database
def test_runs_are_listed_newest_first_in_pages(queue: TrainingRunService, runs: TrainingRunDataManager) -> None:
    ids = []
    for _ in range(3):
        ids.append(queue.start())
        runs.fail(ids[-1], "for a reason")

    pages = [queue.list_page(Paging(limit=2, page=page)) for page in (1, 2, 3)]

    assert [[run.run_id for run in page.runs] for page in pages] == [ids[:0:-1], ids[:1], []]
    assert {page.total for page in pages} == {3}
    assert pages[1].runs == [queue.get(ids[0])]


@on_each_database
def test_a_completed_run_has_a_live_version(queue: TrainingRunService, engine: RecommendationEngineService) -> None:
    run_id = queue.start()

    version = queue.complete(run_id, version_values("first"), PASSED)

    run = engine.get_run(run_id)
    assert (run.status, run.progress, run.stage, run.version) == ("succeeded", 1.0, None, version)
    assert (run.is_activated, run.verdict) == (True, "It is not worse.")
    found = engine.get_version(version)
    expected = version_values("first") | {"version": version, "created_at": found.created_at, "is_active": True}
    expected |= {"run_id": run_id, "verdict": "It is not worse."}
    del expected["artifact"]
    assert found == schemas.ModelVersion.model_validate(expected)


@on_each_database
def test_a_rejected_version_is_kept_and_the_run_has_the_reason(
    queue: TrainingRunService, engine: RecommendationEngineService
) -> None:
    live, run_id = add_version(engine.session, "first"), queue.start()
    verdict = Verdict(accepted=False, reason="The lists are worse.")

    version = queue.complete(run_id, version_values("worse"), verdict)

    run = engine.get_run(run_id)
    assert (run.status, run.error, run.version) == ("succeeded", None, version)
    assert (run.is_activated, run.verdict) == (False, "The lists are worse.")
    assert (engine.get_version(live).is_active, engine.get_version(version).is_active) == (True, False)


@on_each_empty_database
def test_the_model_of_a_failed_run_is_discarded(database: Database) -> None:
    run_id = in_transaction(database, start)
    in_transaction(database, lambda session: TrainingRunDataManager(session).fail(run_id, "given up"))

    with pytest.raises(ConflictError, match=f"Training run {run_id} was cancelled or ended"):
        in_transaction(
            database,
            lambda session: TrainingRunService(session).complete(run_id, version_values("late"), PASSED),
        )

    with database.transaction(writes=False) as session:
        engine = RecommendationEngineService(session)
        assert engine.list_versions(Paging()).total == 0
        assert engine.get_overview().active_model is None
        assert engine.get_run(run_id).error == "given up"
