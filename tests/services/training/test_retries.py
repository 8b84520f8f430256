"""A training whose database does not answer for a while, or whose answers are lost."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy.exc import OperationalError

from server.models import RunStatus
from server.schemas.base import Paging
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.runs import RunningRun, TrainingRunDataManager, TrainingRunService
from server.services.training.supervisor import TrainingSupervisor
from server.services.training.trainer import Trainer, retry_until
from tests.support.builders import in_transaction

LOST = OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))
LOCKED = OperationalError("BEGIN", {}, Exception("database is locked"))

pytestmark = pytest.mark.usefixtures("tastes")


def live_version(trainer: Trainer) -> int | None:
    overview = in_transaction(trainer.database, lambda session: RecommendationEngineService(session).get_overview())
    return None if overview.active_model is None else overview.active_model.version


def running_run(trainer: Trainer) -> int | None:
    return in_transaction(trainer.database, lambda session: TrainingRunDataManager(session).find_id(RunStatus.RUNNING))


def test_a_refused_write_is_retried() -> None:
    answers: Iterator[Exception | int] = iter([LOCKED, LOCKED, 7])

    def write() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert retry_until(write, timeout_s=60, pause_s=0) == 7


def test_retries_end_after_the_timeout() -> None:
    def write() -> int:
        raise LOCKED

    with pytest.raises(OperationalError):
        retry_until(write, timeout_s=0, pause_s=0)


def test_an_artifact_stays_if_the_answer_to_its_commit_was_lost(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = trainer.start_run()
    complete = TrainingRunService.complete

    def complete_and_lose_the_answer(service: TrainingRunService, *values: object) -> int:
        complete(service, *values)  # type: ignore[arg-type]  # passed on unchanged
        service.session.commit()
        raise LOST

    monkeypatch.setattr(TrainingRunService, "complete", complete_and_lose_the_answer)

    with suppress(Exception):
        Trainer(trainer.database, trainer.store, trainer.settings, retry_pause_s=0).carry_out(run_id)

    versions = in_transaction(
        trainer.database, lambda session: RecommendationEngineService(session).list_versions(Paging()).models
    )
    artifacts = in_transaction(
        trainer.database, lambda session: RecommendationEngineService(session).versions.list_artifacts()
    )
    assert [version.version for version in versions] == [live_version(trainer)]
    assert trainer.store.list_names() == sorted(artifacts)


def test_a_supervisor_that_waited_for_the_lock_does_not_end_a_silent_run(trainer: Trainer) -> None:
    run_id = trainer.start_run()
    silent = RunningRun(run_id, 0)

    TrainingSupervisor(trainer.database, trainer.settings, lock_timeout_s=-1)._end_lost(silent)
    after_waiting = running_run(trainer)
    TrainingSupervisor(trainer.database, trainer.settings)._end_lost(silent)

    assert after_waiting == run_id
    assert running_run(trainer) is None
