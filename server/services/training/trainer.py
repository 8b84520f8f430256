"""Carries out a training run: from ratings to a new version, live if it is not worse."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.command_errors import ExportError, TrainingInProgress
from server.errors import ArtifactError, MatineeError, StoreError
from server.recommender import artifact
from server.recommender.data.catalogue import Catalogue
from server.recommender.evaluation.comparison import Verdict
from server.recommender.training import Training, train
from server.schemas.base import Paging
from server.services.model_versions import ModelVersionDataManager
from server.services.training.heartbeat import Heartbeat
from server.services.training.inputs import DatabaseInput, TrainingInput
from server.services.training.lease import LeaseObserver, heartbeat_interval_s
from server.services.training.promotion import PromotionPolicy
from server.services.training.ratings_reader import RatingsReader
from server.services.training.runs import RunningRun, TrainingRunDataManager, TrainingRunService, describe_loss
from server.services.training.threads import limit_threads

logger = logging.getLogger(__name__)

OnProgress = Callable[[str, float], None]
RETRY_TIMEOUT_S = 300
RETRY_PAUSE_S = 1

T = TypeVar("T")


class Trainer:
    """Carries out one run: read, train, compare, store, record. If anything fails, the run ends with a reason."""

    def __init__(
        self,
        database: Database,
        store: ModelStore,
        settings: Settings,
        *,
        training_input: TrainingInput | None = None,
        retry_pause_s: float = RETRY_PAUSE_S,
    ) -> None:
        self.database = database
        self.input = training_input or DatabaseInput(database)
        self.store = store
        self.settings = settings
        self.policy = PromotionPolicy(database, store)
        self._retry_pause_s = retry_pause_s

    def is_needed(self) -> bool:
        """Return whether a training would produce something new.

        It would not if the newest version, live or not, has the same algorithm and the same ratings, and the live
        version is readable.
        """
        with self.database.transaction(writes=False) as session:
            versions = ModelVersionDataManager(session)
            live, newest = versions.find_active(), versions.list_page(Paging(limit=1))
        if live is None or not self._is_readable(live.artifact):
            return True
        data = newest[0].data
        trained_on = (data.ratings, data.newest_rating, data.catalogue_version)
        # A version without metrics is the fallback of every algorithm.
        has_algorithm = newest[0].algorithm == self.settings.algorithm or not newest[0].metrics
        return not has_algorithm or trained_on != self.input.summarise()

    def _is_readable(self, name: str) -> bool:
        try:
            artifact.read_manifest(self.store.opener(name))
        except ArtifactError:
            return False
        return True

    def run(self, on_progress: OnProgress, *, force_activation: bool = False) -> tuple[int, int]:
        """Start a run in this process, carry it out, and return its id and the new version.

        Raises `TrainingInProgress`, and as `carry_out` does.
        """
        run_id = self.start_run()
        with Heartbeat(self.database, run_id, self.settings.training_lease_s) as heartbeat:

            def note(stage: str, progress: float) -> None:
                heartbeat.note(stage, progress)
                on_progress(stage, progress)

            return run_id, self.carry_out(run_id, note, force_activation=force_activation)

    def start_run(self) -> int:
        """Start a run in this process and return its id.

        If a run is running, wait for its next heartbeat, then raise `TrainingInProgress`. If none arrives within the
        lease, that run is lost: end it and start.
        """
        observer = LeaseObserver(self.settings.training_lease_s)
        first: RunningRun | None = None
        while True:
            try:
                with self.database.transaction(writes=True) as session:
                    return TrainingRunService(session).start()
            except TrainingInProgress:
                running = self._find_running()
                first = first or running
                if running is not None and running != first:
                    raise
                if running is not None and observer.is_lost(*running):
                    self._end_lost(running)
            time.sleep(heartbeat_interval_s(self.settings.training_lease_s))

    def _find_running(self) -> RunningRun | None:
        with self.database.transaction(writes=False) as session:
            return TrainingRunDataManager(session).get_queue().running

    def _end_lost(self, run: RunningRun) -> None:
        with self.database.transaction(writes=True) as session:
            TrainingRunDataManager(session).fail_lost(run, describe_loss(self.settings.training_lease_s))

    def carry_out(
        self,
        run_id: int,
        on_progress: OnProgress = lambda _stage, _progress: None,
        *,
        force_activation: bool = False,
    ) -> int:
        """Train for a running run, and return the number of the new version.

        The version goes live if it is not worse than the live one, or if `force_activation` is set.
        On any error the run is marked as failed, and the error is raised.
        """
        try:
            return self._train(run_id, on_progress, force_activation=force_activation)
        except BaseException as error:
            self.fail(run_id, _describe(error))
            raise

    def fail(self, run_id: int, reason: str, *, timeout_s: float = RETRY_TIMEOUT_S) -> None:
        """End a run as failed, unless it has ended already."""

        def write() -> None:
            with self.database.transaction(writes=True) as session:
                TrainingRunDataManager(session).fail(run_id, reason)

        retry_until(write, timeout_s=timeout_s, pause_s=self._retry_pause_s)

    def _train(self, run_id: int, on_progress: OnProgress, *, force_activation: bool) -> int:
        started = time.monotonic()
        self.store.check_writable()
        on_progress("reading", 0.0)
        with self.input.open() as data, limit_threads(self.settings.training_threads):
            self._check_catalogue(data.catalogue)
            training = train(
                data.source,
                data.catalogue,
                algorithm=self.settings.algorithm,
                seed=self.settings.seed,
                memory_mb=self.settings.model_memory_mb,
                on_progress=on_progress,
            )
            on_progress("comparing", 0.95)
            verdict = self._retry(lambda: self.policy.judge(training))
        if training.shortage is not None:
            reason = f"Trained popularity instead of {self.settings.algorithm}. {training.shortage} {verdict.reason}"
            verdict = Verdict(accepted=verdict.accepted, reason=reason)
        if force_activation and not verdict.accepted:
            verdict = Verdict(accepted=True, reason=f"Activated on request, regardless of quality. {verdict.reason}")
        on_progress("storing", 0.99)
        name = self._retry(lambda: self._store(run_id, training))
        values = training.model.card.model_dump(mode="json")
        values["data"]["catalogue_version"] = data.catalogue_version
        values["metrics"] = values["metrics"] or {}
        return self._complete(run_id, name, values | {"duration_s": time.monotonic() - started}, verdict)

    def _check_catalogue(self, catalogue: Catalogue) -> None:
        """Raise `ExportError` for movies that the database lacks: nobody could look up what the model recommends.

        A database without movies serves nobody, but may train for others.
        """
        with self.database.transaction(writes=False) as session:
            known = RatingsReader(session).read_movie_ids()
        unknown = np.setdiff1d(catalogue.movie_ids, known)
        if known.size and unknown.size:
            raise ExportError(
                f"This database lacks {unknown.size:,} of the export's {catalogue.movie_ids.size:,} movies, "
                f"such as the one with the id {unknown[0]}. "
                "Ingest the same catalogue first, or train on an export of this database."
            )

    def _store(self, run_id: int, training: Training) -> str:
        with self.store.publish(f"run-{run_id}") as (name, open_file):
            artifact.save(training.model, training.holdout, open_file)
        return name

    def _retry(self, step: Callable[[], T]) -> T:
        """Retry a step while database or store do not answer: a trained model is worth waiting for."""
        return retry_until(step, timeout_s=RETRY_TIMEOUT_S, pause_s=self._retry_pause_s)

    def _complete(self, run_id: int, name: str, values: dict[str, Any], verdict: Verdict) -> int:
        """Record a stored model as a new version. If that fails, delete the artifact."""
        values |= {"size_bytes": self._retry(lambda: self.store.size_bytes(name)), "artifact": name}

        def write() -> int:
            with self.database.transaction(writes=True) as session:
                return TrainingRunService(session).complete(run_id, values, verdict)

        try:
            version = self._retry(write)
        except BaseException:
            # A COMMIT may have succeeded although its answer was lost. In doubt the artifact stays; `prune` deletes it.
            with suppress(SQLAlchemyError, StoreError), self.database.transaction(writes=False) as session:
                if name not in ModelVersionDataManager(session).list_artifacts():
                    self.store.remove(name)
            raise
        self._prune()
        return version

    def _prune(self) -> None:
        """Delete the versions that are older than the newest `MATINEE_MODELS_KEPT`, and their artifacts."""
        try:
            with self.database.transaction(writes=True) as session:
                versions = ModelVersionDataManager(session)
                old = versions.list_old(self.settings.models_kept)
                versions.delete([version for version, _ in old])
            # After the commit: a version in the database must never be without its artifact.
            for _, name in old:
                self.store.remove(name)
        except (SQLAlchemyError, OSError, StoreError) as error:
            logger.warning("old model versions could not be deleted: %s", error)


def retry_until(write: Callable[[], T], *, timeout_s: float, pause_s: float) -> T:
    """Call `write`, and retry while the database refuses it, as during an ingestion, or the store does not answer."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return write()
        except (OperationalError, StoreError):
            if time.monotonic() > deadline:
                raise
            time.sleep(pause_s)


def _describe(error: BaseException) -> str:
    if isinstance(error, MatineeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"The model could not be stored: {error.strerror}."
    if isinstance(error, SQLAlchemyError):
        logger.error("the database failed during a training: %s", error)
        return "The database could not be read or written. The server's log has the details."
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "The training was interrupted."
    if isinstance(error, MemoryError):
        return "The training ran out of memory."
    logger.error("a training failed unexpectedly", exc_info=error)
    return "The training failed unexpectedly. The server's log has the details."
