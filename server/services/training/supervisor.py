"""Starts queued trainings in processes of their own, keeps their runs alive, and ends the runs that are lost."""

import logging
import threading
import time

from sqlalchemy.exc import SQLAlchemyError

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.processes import TrainingProcess
from server.models import RunStatus
from server.services.live.watch import InstallationState
from server.services.training.lease import LeaseObserver, heartbeat_interval_s
from server.services.training.runs import (
    RunningRun,
    RunState,
    TrainingRunDataManager,
    TrainingRunService,
    describe_loss,
)

logger = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 1


class TrainingSupervisor:
    """Starts each run when its turn comes, and makes sure that none stays "running" forever.

    Every server and every worker has a supervisor; the database decides which of them starts a run. The supervisor that
    started a training process knows whether it lives, so it records the heartbeats, at the server's own priority. The
    others only observe them.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        starts_runs: bool = True,
        lowers_priority: bool = True,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
    ) -> None:
        self.database = database
        self.settings = settings
        self._starts_runs = starts_runs
        self._lowers_priority = lowers_priority
        self._lock_timeout_s = lock_timeout_s
        self._observer = LeaseObserver(settings.training_lease_s)
        self._heartbeat_interval_s = heartbeat_interval_s(settings.training_lease_s)
        self._next_heartbeat = 0.0
        self._process: TrainingProcess | None = None
        self._lock = threading.Lock()

    def is_behind(self, state: InstallationState) -> bool:
        """Return whether another process has a run that may be lost, or a run waits to be started."""
        has_own_run = self._process is not None
        return not has_own_run and (state.running is not None or (self._starts_runs and state.queued is not None))

    def keep_alive(self) -> None:
        """Record the heartbeats and the end of the run of this process. Without one nothing is asked."""
        with self._lock:
            self._keep_alive()

    def supervise(self) -> None:
        """Keep the run of this process alive, end a lost one, and start the queued one."""
        with self._lock:
            if self._keep_alive():
                return
            with self.database.transaction(writes=False) as session:
                queue = TrainingRunDataManager(session).get_queue()
            if queue.running is not None and self._observer.is_lost(*queue.running):
                self._end_lost(queue.running)
            elif self._starts_runs and queue.running is None and queue.queued is not None:
                self._start_queued()

    def stop(self) -> None:
        """Stop the training of this process. Its run ends as failed."""
        with self._lock:
            if self._process is None:
                return
            self._process.stop()
            try:
                self._reap_finished()
            except SQLAlchemyError as error:
                logger.warning("the database does not answer; the stopped run ends with its lease: %s", error)

    def _keep_alive(self) -> bool:
        """Return whether this process trains."""
        self._reap_finished()
        if self._process is None:
            return False
        self._beat(self._process)
        return True

    def _reap_finished(self) -> None:
        if self._process is None or (end := self._process.find_end()) is None:
            return
        # This has no effect on a run that the training itself has ended.
        self._fail(self._process.run_id, end)
        self._process = None

    def _beat(self, process: TrainingProcess) -> None:
        if time.monotonic() < self._next_heartbeat:
            return
        self._next_heartbeat = time.monotonic() + self._heartbeat_interval_s
        with self.database.transaction(writes=True) as session:
            runs = TrainingRunDataManager(session)
            state = runs.beat(process.run_id, *process.progress)
            run = runs.find(process.run_id)
        has_succeeded = run is not None and run.status == "succeeded"  # Its process is about to exit.
        if state is not RunState.RUNNING and not has_succeeded:
            logger.info("training run %d was cancelled or ended; its process is killed", process.run_id)
            process.kill()
            self._reap_finished()

    def _end_lost(self, run: RunningRun) -> None:
        asked_at = time.monotonic()
        self._observer.reset()
        with self.database.transaction(writes=True) as session:
            runs = TrainingRunDataManager(session)
            runs.find_id(RunStatus.RUNNING)  # On SQLite the first statement waits for the lock.
            if time.monotonic() - asked_at > self._lock_timeout_s:
                return  # Heartbeats had to wait for the lock, too, so the silence proves nothing.
            if runs.fail_lost(run, describe_loss(self.settings.training_lease_s)):
                logger.warning("training run %d sent no heartbeat and is marked as failed", run.run_id)

    def _start_queued(self) -> None:
        with self.database.transaction(writes=True) as session:
            claimed = TrainingRunService(session).claim_queued()
        if claimed is None:
            return
        try:
            self._process = TrainingProcess(claimed, self.settings, lowers_priority=self._lowers_priority)
        except OSError as error:
            self._fail(claimed, f"The training process could not be started: {error.strerror}.")

    def _fail(self, run_id: int, reason: str) -> None:
        with self.database.transaction(writes=True) as session:
            TrainingRunDataManager(session).fail(run_id, reason)
