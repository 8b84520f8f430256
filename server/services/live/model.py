"""The model that a serving process keeps in memory, and how it follows the live version of the database."""

import logging
import threading
import time
from contextlib import suppress
from typing import Protocol

from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.errors import ArtifactError, NoActiveModel, StoreError
from server.recommender import artifact
from server.recommender.model import TrainedModel
from server.services.live.watch import InstallationState
from server.services.model_versions import ModelVersionDataManager

logger = logging.getLogger(__name__)

RETRY_S = 10
"""Seconds until an unreadable version is tried again: a remote store may only be slow to show it."""


class ModelSource(Protocol):
    """A provider of a model: the live one, or that of one request."""

    @property
    def version(self) -> int | None:
        """The version of the model, or None before the first."""

    def get(self) -> TrainedModel:
        """Return the model. Raises `NoActiveModel` or `ArtifactError` if there is none."""


class PinnedModel:
    """The model that was served at one moment, for a whole request: the live one may change meanwhile."""

    def __init__(self, served: tuple[int, TrainedModel] | None, problem: str | None) -> None:
        self._served = served
        self._problem = problem

    @property
    def version(self) -> int | None:
        """The version of the model, or None before the first."""
        return None if self._served is None else self._served[0]

    def get(self) -> TrainedModel:
        """Return the model.

        Raises `NoActiveModel` before the first training, and `ArtifactError` if no version is readable.
        """
        if self._served is not None:
            return self._served[1]
        if self._problem is not None:
            raise ArtifactError(self._problem)
        raise NoActiveModel


class LiveModel:
    """The live model version, as this process serves it."""

    def __init__(self, database: Database, store: ModelStore, *, retry_s: float = RETRY_S) -> None:
        self.database = database
        self.store = store
        self.problem: str | None = None
        """Why the live version is not the one that is served, or None."""
        self._served: tuple[int, TrainedModel] | None = None
        self._failed_version: int | None = None
        self._retry_s = retry_s
        self._retry_at = 0.0
        # Two refreshes at once would hold the new model in memory twice.
        self._lock = threading.Lock()

    @property
    def version(self) -> int | None:
        """The version that is served, or None before the first."""
        return self.pin().version

    def pin(self) -> PinnedModel:
        """Return the model of this moment."""
        return PinnedModel(self._served, self.problem)

    def get(self) -> TrainedModel:
        """Return the served model. Raises as `PinnedModel.get`."""
        return self.pin().get()

    def is_behind(self, state: InstallationState) -> bool:
        """Return whether another version is live."""
        return state.model != self.version or self.problem is not None

    def refresh(self) -> None:
        """Replace the served model if another version is live.

        If that version is unreadable, the previous one goes on serving. A process that serves none yet loads the
        newest readable predecessor.
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
        except (ArtifactError, StoreError) as error:
            # The local copy of a damaged array must not be read again.
            self.store.drop_cached(name)
            self.problem = f"Model version {version} cannot be read. {error}"
            self._failed_version, self._retry_at = version, time.monotonic() + self._retry_s
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
            with suppress(ArtifactError, StoreError):
                self._served = (version, artifact.load(self.store.opener(name)))
                logger.warning("model version %d is served in place of version %d", version, of_version)
                return
