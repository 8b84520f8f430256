"""Starts queued trainings in processes of their own, and ends the runs whose process has died."""

import logging
import threading
import time

from sqlalchemy.exc import SQLAlchemyError

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.processes import TrainingProcess
from server.models import RunStatus
from server.services.training.runs import TrainingRunDataManager, TrainingRunService

logger = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 1


class TrainingSupervisor:
    """Starts each run when its turn comes, and makes sure that none stays "running" forever.

    Every serving process has a supervisor; the database decides which of them starts a run.
    """

    def __init__(self, database: Database, settings: Settings, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self.database = database
        self.settings = settings
        self._lock_timeout_s = lock_timeout_s
        self._processes: list[TrainingProcess] = []
        self._lock = threading.Lock()

    def supervise(self) -> None:
        """Mark the runs of dead processes as failed, then start the queued run. Most calls only read."""
        with self._lock:
            self._reap_finished()
            with self.database.transaction(writes=False) as session:
                if not TrainingRunDataManager(session).needs_attention(self.settings.training_lease_s):
                    return
            self._start_queued()

    def stop(self) -> None:
        """Stop the trainings of this process. Their runs end as failed."""
        with self._lock:
            for process in self._processes:
                process.stop()
            try:
                self._reap_finished()
            except SQLAlchemyError as error:
                logger.warning("the database does not answer; the stopped runs end with their lease: %s", error)

    def _reap_finished(self) -> None:
        ended = [(process, end) for process in self._processes if (end := process.find_end()) is not None]
        for process, end in ended:
            with self.database.transaction(writes=True) as session:
                # This has no effect on a run that the training itself has ended.
                TrainingRunDataManager(session).fail(process.run_id, end)
            self._processes.remove(process)

    def _start_queued(self) -> None:
        asked_at = time.monotonic()
        with self.database.transaction(writes=True) as session:
            runs = TrainingRunDataManager(session)
            runs.find_id(RunStatus.RUNNING)  # On SQLite the first statement waits for the lock.
            if time.monotonic() - asked_at > self._lock_timeout_s:
                return  # Heartbeats had to wait for the lock, too; let them be written first.
            for run_id in runs.fail_lost(self.settings.training_lease_s):
                logger.warning("training run %d sent no heartbeat and is marked as failed", run_id)
            claimed = TrainingRunService(session).claim_queued()
        if claimed is not None:
            self._start(claimed)

    def _start(self, run_id: int) -> None:
        try:
            self._processes.append(TrainingProcess(run_id, self.settings))
        except OSError as error:
            with self.database.transaction(writes=True) as session:
                reason = f"The training process could not be started: {error.strerror}."
                TrainingRunDataManager(session).fail(run_id, reason)
