"""The model that a serving process keeps in memory, and how it follows the database."""

import logging
import threading
import time
from contextlib import suppress

from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.errors import ArtifactError, NoActiveModel
from server.recommender import artifact
from server.recommender.model import TrainedModel
from server.services.recommendation_engine import ModelVersionDataManager

logger = logging.getLogger(__name__)

# A live version that cannot be read is tried again so often: the store may only be slow to show it.
RETRY_S = 10


class LiveModel:
    """The live model version, once the process has it."""

    def __init__(self, database: Database, store: ModelStore) -> None:
        self.database = database
        self.store = store
        self.problem: str | None = None
        """Why the version that should be live is not."""
        self._served: tuple[int, TrainedModel] | None = None
        self._failed_version: int | None = None
        self._retry_at = 0.0
        # Two refreshes at once would hold the new model in memory twice.
        self._lock = threading.Lock()

    @property
    def version(self) -> int | None:
        """The version that serves."""
        return None if self._served is None else self._served[0]

    def get(self) -> TrainedModel:
        """Give the model that serves. Raises `NoActiveModel` before the first, `ArtifactError` if unreadable."""
        if self._served is not None:
            return self._served[1]
        if self.problem is not None:
            raise ArtifactError(self.problem)
        raise NoActiveModel

    def refresh(self) -> None:
        """Swap the live version in where it has changed.

        One that cannot be read leaves the previous one serving; a process that has none yet takes the newest that can.
        """
        with self._lock:
            with self.database.transaction(writes=False) as session:
                active = ModelVersionDataManager(session).find_active()
            if active is None or active.version == self.version:
                self.problem = None
            elif active.version != self._failed_version or time.monotonic() >= self._retry_at:
                self._load(active.version, active.artifact)

    def _load(self, version: int, name: str) -> None:
        try:
            self._served = (version, artifact.load(self.store.opener(name)))
        except ArtifactError as error:
            self.problem = f"Model version {version} cannot be read. {error}"
            self._failed_version, self._retry_at = version, time.monotonic() + RETRY_S
            logger.error("%s", self.problem, exc_info=error.__cause__)
            if self._served is None:
                self._serve_predecessor(version)
            return
        self.problem = None
        logger.info("model version %d is live", version)

    def _serve_predecessor(self, of_version: int) -> None:
        with self.database.transaction(writes=False) as session:
            predecessors = ModelVersionDataManager(session).list_once_live(of_version)
        for version, name in predecessors:
            with suppress(ArtifactError):
                self._served = (version, artifact.load(self.store.opener(name)))
                logger.warning("model version %d serves in the place of version %d", version, of_version)
                return
