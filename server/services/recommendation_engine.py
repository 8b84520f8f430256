"""The recommendation engine: its training runs, its model versions, and which version is live."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from server.backend.model_store import ModelStore
from server.errors import ArtifactError, ConflictError, ModelVersionNotFound
from server.models import RunStatus
from server.recommender.artifact import read_manifest
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
from server.services.base import BaseService
from server.services.live.model import LiveModel
from server.services.model_versions import ModelVersionDataManager
from server.services.training.runs import TrainingRunDataManager, TrainingRunService


class RecommendationEngineService(BaseService):
    """The operations of the engine: train, report, activate, prune."""

    def __init__(self, session: Session, live_model: LiveModel | None = None) -> None:
        super().__init__(session)
        self.live_model = live_model
        self.runs = TrainingRunDataManager(session)
        self.versions = ModelVersionDataManager(session)

    def request_training(self) -> int:
        """Queue a run and return its id. If one is queued already, return that one's id."""
        return TrainingRunService(self.session).request()

    def get_run(self, run_id: int) -> schemas.TrainingRun:
        """Return a run. Raises `RunNotFound`."""
        run = TrainingRunService(self.session).get(run_id)
        self._serve_activated([run])
        return run

    def list_runs(self, paging: Paging) -> schemas.TrainingRunPage:
        """List a page of the runs, newest first."""
        page = TrainingRunService(self.session).list_page(paging)
        self._serve_activated(page.runs)
        return page

    def cancel_run(self, run_id: int) -> schemas.TrainingRun:
        """Cancel a run and return it. Raises `RunNotFound`, and `ConflictError` if the run has ended."""
        return TrainingRunService(self.session).cancel(run_id)

    def _serve_activated(self, runs: Sequence[schemas.TrainingRun]) -> None:
        """Load the live version before reporting that a run has activated it.

        A client that reads `succeeded` may ask for recommendations at once, and this process must have the model then.
        """
        if self.live_model is None:
            return
        served = self.live_model.version or 0
        if any(run.is_activated and run.version is not None and run.version > served for run in runs):
            self.live_model.refresh()

    def get_overview(self) -> schemas.RecommendationEngine:
        """Return the live version, its age, and the unfinished run."""
        active = self.versions.find_active()
        version, activated_at = (
            (None, None) if active is None else (self.get_version(active.version), active.activated_at)
        )
        return schemas.RecommendationEngine(
            active_model=version,
            activated_at=activated_at,
            age_s=None if version is None else int((datetime.now(UTC) - version.created_at).total_seconds()),
            current_run=self.runs.find_unfinished(),
        )

    def list_versions(self, paging: Paging) -> schemas.ModelVersionPage:
        """List a page of the model versions, newest first."""
        return schemas.ModelVersionPage(
            models=self.versions.list_page(paging),
            total=self.versions.count(),
            page=paging.page,
            limit=paging.limit,
        )

    def get_version(self, version: int) -> schemas.ModelVersion:
        """Return a model version. Raises `ModelVersionNotFound`."""
        found = self.versions.find(version)
        if found is None:
            raise ModelVersionNotFound(version)
        return found

    def activate(self, version: int, store: ModelStore) -> schemas.ModelVersion:
        """Make a version the live one and return it.

        Raises `ModelVersionNotFound`, and `ConflictError` if its artifact is missing or damaged.
        """
        self.get_version(version)
        try:
            read_manifest(store.opener(self.versions.get_artifact(version)))
        except ArtifactError as error:
            raise ConflictError(f"Version {version} cannot go live. {error}") from error
        self.versions.activate(version)
        return self.get_version(version)

    def delete_old_versions(self, keep: int) -> int:
        """Delete the versions that are not among the newest `keep`, and return how many were deleted.

        The live version and its predecessor stay.
        """
        old = self.versions.list_old(keep)
        self.versions.delete([version for version, _ in old])
        return len(old)

    def list_orphans(self, store: ModelStore) -> list[str]:
        """List the artifacts that belong to no version: of deleted versions, and of killed trainings.

        Return an empty list while a training runs, because its artifact has no version yet.
        """
        if self.runs.find_id(RunStatus.RUNNING) is not None:
            return []
        return sorted(set(store.list_names()) - self.versions.list_artifacts())
