from functools import partial

import pytest

from server.backend.database import Database, TransactionSession
from server.backend.model_store import ModelStore
from server.command_errors import TrainingInProgress
from server.errors import ConflictError, ModelVersionNotFound, RunNotFound
from server.recommender.evaluation.comparison import Verdict
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
from server.services.recommendation_engine import RecommendationEngineService, TrainingRunDataManager
from tests.support.builders import PASSED, add_version, fall_silent, in_transaction, version_values
from tests.support.threads import at_once

LEASE_S = 30


@pytest.fixture
def engine(session: TransactionSession) -> RecommendationEngineService:
    return RecommendationEngineService(session)


@pytest.fixture
def runs(session: TransactionSession) -> TrainingRunDataManager:
    return TrainingRunDataManager(session)


def request(session: TransactionSession) -> int:
    return RecommendationEngineService(session).request_training()


def start(session: TransactionSession) -> int:
    return RecommendationEngineService(session).start_run()


def claim(session: TransactionSession) -> int | None:
    return RecommendationEngineService(session).claim_queued_run()


def test_a_request_is_a_run_that_waits(engine: RecommendationEngineService) -> None:
    run = engine.get_run(engine.request_training())

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


def test_requests_share_the_run_that_waits(engine: RecommendationEngineService) -> None:
    assert len({engine.request_training() for _ in range(3)}) == 1


def test_requests_during_a_run_share_one_that_follows(engine: RecommendationEngineService) -> None:
    running = engine.request_training()
    engine.claim_queued_run()

    following = {engine.request_training() for _ in range(3)}

    assert len(following) == 1
    assert running not in following
    assert engine.claim_queued_run() is None


def test_the_run_that_follows_can_be_claimed_when_the_first_ends(
    engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    running = engine.start_run()
    following = engine.request_training()

    runs.fail(running, "for a reason")

    assert engine.claim_queued_run() == following
    assert engine.get_run(following).status == "running"
    assert engine.get_run(following).started_at is not None


def test_without_a_waiting_run_nothing_is_claimed(engine: RecommendationEngineService) -> None:
    assert engine.claim_queued_run() is None


def test_requests_at_once_share_one_run(database: Database) -> None:
    run_ids = at_once([partial(in_transaction, database, request)] * 8)

    assert len(set(run_ids)) == 1


def test_of_claims_at_once_exactly_one_wins(database: Database) -> None:
    run_id = in_transaction(database, request)

    claimed = at_once([partial(in_transaction, database, claim)] * 8)

    assert sorted(claimed, key=str) == [run_id, *[None] * 7]


def test_of_runs_begun_at_once_exactly_one_begins(database: Database) -> None:
    def begin() -> int | str:
        try:
            return in_transaction(database, start)
        except TrainingInProgress as error:
            return str(error)

    begun = at_once([begin] * 8)

    [run_id] = [run_id for run_id in begun if isinstance(run_id, int)]
    assert begun.count(str(TrainingInProgress(run_id))) == 7


def test_a_second_run_does_not_begin_and_the_transaction_goes_on(engine: RecommendationEngineService) -> None:
    run_id = engine.start_run()

    with pytest.raises(TrainingInProgress, match=f"Training run {run_id} is still running"):
        engine.start_run()

    assert engine.get_run(run_id).status == "running"


def test_a_sign_of_life_tells_how_far_a_run_is(
    engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = engine.start_run()

    assert runs.beat(run_id, "fitting", 0.25)

    assert (engine.get_run(run_id).stage, engine.get_run(run_id).progress) == ("fitting", 0.25)


def test_a_run_that_has_ended_does_not_change_any_more(
    engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = engine.start_run()
    runs.fail(run_id, "the first reason")
    ended = engine.get_run(run_id)

    changes = [runs.beat(run_id, "fitting", 0.5), runs.fail(run_id, "another reason")]

    assert changes == [False, False]
    assert engine.get_run(run_id) == ended
    assert (ended.status, ended.error) == ("failed", "the first reason")


def test_a_run_that_gives_no_sign_of_life_fails_after_the_lease(
    engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    run_id = engine.start_run()
    lost_at_first = runs.fail_lost(LEASE_S)
    fall_silent(engine.session, run_id)

    assert lost_at_first == []
    assert runs.fail_lost(LEASE_S) == [run_id]
    assert runs.fail_lost(LEASE_S) == []
    run = engine.get_run(run_id)
    assert run.status == "failed"
    assert run.error == "The training process gave no sign of life for 30 s; it was stopped or killed."
    assert run.finished_at is not None


def test_only_lost_runs_and_those_that_can_begin_need_attention(
    engine: RecommendationEngineService, runs: TrainingRunDataManager
) -> None:
    needs = {"nothing": runs.needs_attention(LEASE_S)}
    run_id = engine.request_training()
    needs["waiting"] = runs.needs_attention(LEASE_S)
    engine.claim_queued_run()
    needs["running"] = runs.needs_attention(LEASE_S)
    engine.request_training()
    needs["running, another waiting"] = runs.needs_attention(LEASE_S)
    fall_silent(engine.session, run_id)
    needs["lost"] = runs.needs_attention(LEASE_S)
    runs.fail_lost(LEASE_S)
    needs["failed, another waiting"] = runs.needs_attention(LEASE_S)

    assert [state for state, is_needed in needs.items() if is_needed] == ["waiting", "lost", "failed, another waiting"]


def test_a_completed_run_has_a_version_that_is_live(engine: RecommendationEngineService) -> None:
    run_id = engine.start_run()

    version = engine.complete_run(run_id, version_values("first"), PASSED)

    run = engine.get_run(run_id)
    assert (run.status, run.progress, run.stage, run.version) == ("succeeded", 1.0, None, version)
    assert (run.is_activated, run.verdict) == (True, "It is not worse.")
    found = engine.get_version(version)
    expected = version_values("first") | {"version": version, "created_at": found.created_at, "is_active": True}
    del expected["artifact"]
    assert found == schemas.ModelVersion.model_validate(expected)


def test_a_version_that_did_not_pass_is_kept_and_the_run_says_why(engine: RecommendationEngineService) -> None:
    live, run_id = add_version(engine.session, "first"), engine.start_run()
    verdict = Verdict(accepted=False, reason="The lists are worse.")

    version = engine.complete_run(run_id, version_values("worse"), verdict)

    run = engine.get_run(run_id)
    assert (run.status, run.error, run.version) == ("succeeded", None, version)
    assert (run.is_activated, run.verdict) == (False, "The lists are worse.")
    assert (engine.get_version(live).is_active, engine.get_version(version).is_active) == (True, False)


def test_of_a_run_that_was_given_up_nothing_is_kept(database: Database) -> None:
    run_id = in_transaction(database, start)
    in_transaction(database, lambda session: TrainingRunDataManager(session).fail(run_id, "given up"))

    with pytest.raises(ConflictError, match=f"Training run {run_id} was given up"):
        in_transaction(
            database,
            lambda session: RecommendationEngineService(session).complete_run(run_id, version_values("late"), PASSED),
        )

    with database.transaction(writes=False) as session:
        engine = RecommendationEngineService(session)
        assert engine.list_versions(Paging()).total == 0
        assert engine.get_overview().active_model is None
        assert engine.get_run(run_id).error == "given up"


def test_what_is_unknown_is_not_found(engine: RecommendationEngineService, store: ModelStore) -> None:
    with pytest.raises(RunNotFound, match="7"):
        engine.get_run(7)
    with pytest.raises(ModelVersionNotFound, match="7"):
        engine.get_version(7)
    with pytest.raises(ModelVersionNotFound, match="7"):
        engine.activate(7, store)
