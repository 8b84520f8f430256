from functools import partial

import pytest

from server.backend.database import Database, TransactionSession
from server.command_errors import TrainingInProgress
from server.errors import ConflictError
from server.recommender.evaluation.comparison import Verdict
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.runs import TrainingRunDataManager, TrainingRunService
from tests.support.builders import PASSED, add_version, fall_silent, in_transaction, version_values
from tests.support.threads import at_once

LEASE_S = 30


@pytest.fixture
def engine(session: TransactionSession) -> RecommendationEngineService:
    return RecommendationEngineService(session)


@pytest.fixture
def queue(session: TransactionSession) -> TrainingRunService:
    return TrainingRunService(session)


@pytest.fixture
def runs(session: TransactionSession) -> TrainingRunDataManager:
    return TrainingRunDataManager(session)


def request(session: TransactionSession) -> int:
    return TrainingRunService(session).request()


def start(session: TransactionSession) -> int:
    return TrainingRunService(session).start()


def claim(session: TransactionSession) -> int | None:
    return TrainingRunService(session).claim_queued()


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


def test_requests_share_the_queued_run(queue: TrainingRunService) -> None:
    assert len({queue.request() for _ in range(3)}) == 1


def test_requests_during_a_run_share_one_follow_up(queue: TrainingRunService) -> None:
    running = queue.request()
    queue.claim_queued()

    following = {queue.request() for _ in range(3)}

    assert len(following) == 1
    assert running not in following
    assert queue.claim_queued() is None


def test_the_follow_up_can_be_claimed_when_the_first_run_ends(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    running = queue.start()
    following = queue.request()

    runs.fail(running, "for a reason")

    assert queue.claim_queued() == following
    assert engine.get_run(following).status == "running"
    assert engine.get_run(following).started_at is not None


def test_nothing_is_claimed_from_an_empty_queue(queue: TrainingRunService) -> None:
    assert queue.claim_queued() is None


def test_concurrent_requests_share_one_run(database: Database) -> None:
    run_ids = at_once([partial(in_transaction, database, request)] * 8)

    assert len(set(run_ids)) == 1


def test_exactly_one_of_concurrent_claims_wins(database: Database) -> None:
    run_id = in_transaction(database, request)

    claimed = at_once([partial(in_transaction, database, claim)] * 8)

    assert sorted(claimed, key=str) == [run_id, *[None] * 7]


def test_exactly_one_of_concurrent_starts_wins(database: Database) -> None:
    def begin() -> int | str:
        try:
            return in_transaction(database, start)
        except TrainingInProgress as error:
            return str(error)

    begun = at_once([begin] * 8)

    [run_id] = [run_id for run_id in begun if isinstance(run_id, int)]
    assert begun.count(str(TrainingInProgress(run_id))) == 7


def test_a_second_run_is_refused_and_the_transaction_continues(
    queue: TrainingRunService, engine: RecommendationEngineService
) -> None:
    run_id = queue.start()

    with pytest.raises(TrainingInProgress, match=f"Training run {run_id} is still running"):
        queue.start()

    assert engine.get_run(run_id).status == "running"


def test_a_heartbeat_records_the_progress(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = queue.start()

    assert runs.beat(run_id, "fitting", 0.25)

    assert (engine.get_run(run_id).stage, engine.get_run(run_id).progress) == ("fitting", 0.25)


def test_an_ended_run_does_not_change(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = queue.start()
    runs.fail(run_id, "the first reason")
    ended = engine.get_run(run_id)

    changes = [runs.beat(run_id, "fitting", 0.5), runs.fail(run_id, "another reason")]

    assert changes == [False, False]
    assert engine.get_run(run_id) == ended
    assert (ended.status, ended.error) == ("failed", "the first reason")


def test_a_run_without_heartbeats_fails_after_the_lease(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = queue.start()
    lost_at_first = runs.fail_lost(LEASE_S)
    fall_silent(engine.session, run_id)

    assert lost_at_first == []
    assert runs.fail_lost(LEASE_S) == [run_id]
    assert runs.fail_lost(LEASE_S) == []
    run = engine.get_run(run_id)
    assert run.status == "failed"
    assert run.error == "No heartbeat of the training arrived for 30 s."
    assert run.finished_at is not None


def test_only_lost_runs_and_startable_runs_need_attention(
    queue: TrainingRunService, engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    needs = {"nothing": runs.needs_attention(LEASE_S)}
    run_id = queue.request()
    needs["queued"] = runs.needs_attention(LEASE_S)
    queue.claim_queued()
    needs["running"] = runs.needs_attention(LEASE_S)
    queue.request()
    needs["running, another queued"] = runs.needs_attention(LEASE_S)
    fall_silent(engine.session, run_id)
    needs["lost"] = runs.needs_attention(LEASE_S)
    runs.fail_lost(LEASE_S)
    needs["failed, another queued"] = runs.needs_attention(LEASE_S)

    assert [state for state, is_needed in needs.items() if is_needed] == ["queued", "lost", "failed, another queued"]


def test_a_completed_run_has_a_live_version(queue: TrainingRunService, engine: RecommendationEngineService) -> None:
    run_id = queue.start()

    version = queue.complete(run_id, version_values("first"), PASSED)

    run = engine.get_run(run_id)
    assert (run.status, run.progress, run.stage, run.version) == ("succeeded", 1.0, None, version)
    assert (run.is_activated, run.verdict) == (True, "It is not worse.")
    found = engine.get_version(version)
    expected = version_values("first") | {"version": version, "created_at": found.created_at, "is_active": True}
    del expected["artifact"]
    assert found == schemas.ModelVersion.model_validate(expected)


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


def test_the_model_of_a_failed_run_is_discarded(database: Database) -> None:
    run_id = in_transaction(database, start)
    in_transaction(database, lambda session: TrainingRunDataManager(session).fail(run_id, "given up"))

    with pytest.raises(ConflictError, match=f"Training run {run_id} had ended"):
        in_transaction(
            database,
            lambda session: TrainingRunService(session).complete(run_id, version_values("late"), PASSED),
        )

    with database.transaction(writes=False) as session:
        engine = RecommendationEngineService(session)
        assert engine.list_versions(Paging()).total == 0
        assert engine.get_overview().active_model is None
        assert engine.get_run(run_id).error == "given up"
