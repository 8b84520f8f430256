"""What a serving process does about trainings: starts those that wait, notices those that died."""

import logging
import threading
import time

from sqlalchemy.exc import SQLAlchemyError

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.processes import TrainingProcess
from server.models import RunStatus
from server.services.recommendation_engine import RecommendationEngineService, TrainingRunDataManager

logger = logging.getLogger(__name__)

LOCK_PATIENCE_S = 1


class TrainingSupervisor:
    """Keeps the promise that a run starts when its turn comes, and that none is "running" for ever.

    Every serving process has one; the database decides between them.
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self._processes: list[TrainingProcess] = []
        self._lock = threading.Lock()

    def look_after_runs(self) -> None:
        """Mark the runs of dead processes as failed, then start the one that waits; mostly this only reads."""
        with self._lock:
            self._reap_finished()
            with self.database.transaction(writes=False) as session:
                if not TrainingRunDataManager(session).needs_attention(self.settings.training_lease_s):
                    return
            self._start_waiting()

    def stop(self) -> None:
        """Stop the trainings this process has started; their runs end as failed."""
        with self._lock:
            for process in self._processes:
                process.stop()
            try:
                self._reap_finished()
            except SQLAlchemyError as error:
                logger.warning("the database does not answer; the runs stopped here end with their lease: %s", error)

    def _reap_finished(self) -> None:
        ended = [(process, end) for process in self._processes if (end := process.find_end()) is not None]
        for process, end in ended:
            with self.database.transaction(writes=True) as session:
                # No effect on a run that has ended, as one that ended in good order has.
                TrainingRunDataManager(session).fail(process.run_id, end)
            self._processes.remove(process)

    def _start_waiting(self) -> None:
        asked_at = time.monotonic()
        with self.database.transaction(writes=True) as session:
            runs = TrainingRunDataManager(session)
            runs.find_id(RunStatus.RUNNING)  # The first statement: on SQLite this waits for the lock.
            if time.monotonic() - asked_at > LOCK_PATIENCE_S:
                return  # Signs of life waited for the lock as well; let them come first.
            for run_id in runs.fail_lost(self.settings.training_lease_s):
                logger.warning("training run %d gave no sign of life and counts as failed", run_id)
            claimed = RecommendationEngineService(session).claim_queued_run()
        if claimed is not None:
            self._start(claimed)

    def _start(self, run_id: int) -> None:
        try:
            self._processes.append(TrainingProcess(run_id, self.settings))
        except OSError as error:
            with self.database.transaction(writes=True) as session:
                reason = f"The training process could not be started: {error.strerror}."
                TrainingRunDataManager(session).fail(run_id, reason)
