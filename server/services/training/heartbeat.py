"""Keeps a run alive while this process trains."""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from server.backend.database import Database
from server.errors import ConflictError
from server.services.training.lease import heartbeat_interval_s
from server.services.training.runs import RunState, TrainingRunDataManager

logger = logging.getLogger(__name__)


class Heartbeat:
    """Records in the database, from a thread of its own, that a run is alive and how far it is.

    The supervisor that started a training process records heartbeats as well, at the priority of a server. This one
    keeps the run alive while that supervisor is suspended and another observes the run.
    """

    def __init__(self, database: Database, run_id: int, lease_s: float) -> None:
        self.database = database
        self.run_id = run_id
        self.interval_s = heartbeat_interval_s(lease_s)
        self._progress = ("starting", 0.0)
        self._state = RunState.RUNNING
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_stopped, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def note(self, stage: str, progress: float) -> None:
        """Set the progress to record. Raises `ConflictError` if the run was cancelled or has ended."""
        self._progress = (stage, progress)
        if self._state is not RunState.RUNNING:
            raise ConflictError(f"Training run {self.run_id} was cancelled or ended by another process.")

    def _beat_until_stopped(self) -> None:
        while not self._stopped.is_set():
            try:
                with self.database.transaction(writes=True) as session:
                    self._state = TrainingRunDataManager(session).beat(self.run_id, *self._progress)
            except SQLAlchemyError:
                logger.warning("training run %d could not reach the database and tries again", self.run_id)
            self._stopped.wait(self.interval_s)
