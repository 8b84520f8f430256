"""Shows the installation that a training is alive."""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from server.backend.database import Database
from server.errors import ConflictError
from server.services.training.runs import TrainingRunDataManager

logger = logging.getLogger(__name__)

HEARTBEATS_PER_LEASE = 6


class Heartbeat:
    """Records in the database, from a thread of its own, that a run is alive and how far it is."""

    def __init__(self, database: Database, run_id: int, lease_s: float) -> None:
        self.database = database
        self.run_id = run_id
        self.interval_s = min(1.0, lease_s / HEARTBEATS_PER_LEASE)
        self._state = ("starting", 0.0)
        self._is_lost = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_stopped, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def note(self, stage: str, progress: float) -> None:
        """Set the progress to record. Raises `ConflictError` if the run is no longer running."""
        self._state = (stage, progress)
        if self._is_lost:
            raise ConflictError(f"Training run {self.run_id} was ended by another process.")

    def _beat_until_stopped(self) -> None:
        while not self._stopped.is_set():
            try:
                with self.database.transaction(writes=True) as session:
                    self._is_lost = not TrainingRunDataManager(session).beat(self.run_id, *self._state)
            except SQLAlchemyError:
                logger.warning("training run %d could not reach the database and tries again", self.run_id)
            self._stopped.wait(self.interval_s)
