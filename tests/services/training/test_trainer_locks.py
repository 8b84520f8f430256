"""A training whose database does not answer for a while, or whose answers are lost."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy.exc import OperationalError

from server.models import RunStatus
from server.schemas.base import Paging
from server.services.recommendation_engine import RecommendationEngineService, TrainingRunDataManager
from server.services.training import trainer as training
from server.services.training.supervisor import TrainingSupervisor
from server.services.training.trainer import Trainer
from tests.support.builders import fall_silent, in_transaction

LOST = OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))
LOCKED = OperationalError("BEGIN", {}, Exception("database is locked"))

pytestmark = pytest.mark.usefixtures("tastes")


def live_version(trainer: Trainer) -> int | None:
    overview = in_transaction(trainer.database, lambda session: RecommendationEngineService(session).get_overview())
    return None if overview.active_model is None else overview.active_model.version


def running_run(trainer: Trainer) -> int | None:
    return in_transaction(trainer.database, lambda session: TrainingRunDataManager(session).find_id(RunStatus.RUNNING))


def test_a_write_that_the_database_refuses_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    answers: Iterator[Exception | int] = iter([LOCKED, LOCKED, 7])

    def write() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert training._retry_until(write, patience_s=60) == 7


def test_patience_has_an_end() -> None:
    def write() -> int:
        raise LOCKED

    with pytest.raises(OperationalError):
        training._retry_until(write, patience_s=0)


def test_an_artifact_stays_where_the_answer_of_its_commit_was_lost(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = trainer.start_run()
    enter = RecommendationEngineService.complete_run

    def enter_and_lose_the_answer(service: RecommendationEngineService, *values: object) -> int:
        enter(service, *values)  # type: ignore[arg-type]  # handed on as they come
        service.session.commit()
        raise LOST

    monkeypatch.setattr(RecommendationEngineService, "complete_run", enter_and_lose_the_answer)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    with suppress(Exception):
        trainer.carry_out(run_id)

    versions = in_transaction(
        trainer.database, lambda session: RecommendationEngineService(session).list_versions(Paging()).models
    )
    artifacts = in_transaction(
        trainer.database, lambda session: RecommendationEngineService(session).versions.list_artifacts()
    )
    assert [version.version for version in versions] == [live_version(trainer)]
    assert trainer.store.list_names() == sorted(artifacts)


def test_a_silent_run_is_not_given_up_by_who_waited_for_the_lock_as_long(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = trainer.start_run()
    in_transaction(trainer.database, lambda session: fall_silent(session, run_id))
    supervisor = TrainingSupervisor(trainer.database, trainer.settings)

    with monkeypatch.context() as slow:
        slow.setattr("server.services.training.supervisor.LOCK_PATIENCE_S", -1)
        supervisor.look_after_runs()
        after_waiting = running_run(trainer)
    supervisor.look_after_runs()

    assert after_waiting == run_id
    assert running_run(trainer) is None
