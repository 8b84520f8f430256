from server.backend.database import Database
from server.errors import ConflictError
from server.schemas.recommendation_engine import TrainingRun
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.heartbeat import Heartbeat
from server.services.training.runs import TrainingRunDataManager, TrainingRunService
from server.services.training.trainer import Trainer
from tests.support.builders import in_transaction
from tests.support.waiting import wait_until


def get_run(database: Database, run_id: int) -> TrainingRun:
    with database.transaction(writes=False) as session:
        return RecommendationEngineService(session).get_run(run_id)


def test_a_heartbeat_records_the_progress_of_the_run(trainer: Trainer) -> None:
    run_id = trainer.start_run()

    with Heartbeat(trainer.database, run_id, lease_s=0.12) as heartbeat:
        heartbeat.note("fitting", 0.5)
        wait_until(lambda: get_run(trainer.database, run_id).stage == "fitting")

    assert get_run(trainer.database, run_id).progress == 0.5


def test_a_heartbeat_notices_that_its_run_was_ended(trainer: Trainer) -> None:
    run_id = trainer.start_run()

    def has_noticed() -> bool:
        try:
            heartbeat.note("fitting", 0.5)
        except ConflictError as error:
            return str(error) == f"Training run {run_id} was cancelled or ended by another process."
        return False

    with Heartbeat(trainer.database, run_id, lease_s=0.12) as heartbeat:
        in_transaction(trainer.database, lambda session: TrainingRunDataManager(session).fail(run_id, "for a reason"))

        wait_until(has_noticed)


def test_a_heartbeat_notices_a_cancellation(trainer: Trainer) -> None:
    run_id = trainer.start_run()
    in_transaction(trainer.database, lambda session: TrainingRunService(session).cancel(run_id))

    def is_refused() -> bool:
        try:
            heartbeat.note("fitting", 0.5)
        except ConflictError:
            return True
        return False

    with Heartbeat(trainer.database, run_id, lease_s=0.12) as heartbeat:
        wait_until(is_refused)
