"""The recommendation engine: training runs, the ledger of model versions, and which version is live."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from server.backend.database import TransactionSession
from server.backend.model_store import ModelStore
from server.command_errors import TrainingInProgress
from server.errors import ArtifactError, ConflictError, ModelVersionNotFound, RunNotFound
from server.models import ActiveModel, ModelVersion, RunStatus, TrainingRun
from server.recommender.artifact import read_manifest
from server.recommender.evaluation.comparison import Verdict
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
from server.services.base import BaseDataManager, BaseService

RUN_COLUMNS = (
    TrainingRun.run_id,
    TrainingRun.status,
    TrainingRun.stage,
    TrainingRun.progress,
    TrainingRun.error,
    TrainingRun.version,
    TrainingRun.is_activated,
    TrainingRun.verdict,
    TrainingRun.created_at,
    TrainingRun.started_at,
    TrainingRun.finished_at,
)
UNFINISHED = (RunStatus.RUNNING, RunStatus.QUEUED)


class RecommendationEngineService(BaseService):
    """Rules of training and of the live version."""

    def __init__(self, session: TransactionSession) -> None:
        super().__init__(session)
        self.runs = TrainingRunDataManager(session)
        self.versions = ModelVersionDataManager(session)

    def request_training(self) -> int:
        """Put a run in the queue and give its id; where one is waiting already, that one does for both."""
        waiting = self.runs.find_id(RunStatus.QUEUED)
        return waiting if waiting is not None else self.runs.create_queued()

    def get_run(self, run_id: int) -> schemas.TrainingRun:
        """Give a run. Raises `RunNotFound`."""
        run = self.runs.find(run_id)
        if run is None:
            raise RunNotFound(run_id)
        return run

    def get_overview(self) -> schemas.RecommendationEngine:
        """Tell the live version, its age, and the run under way."""
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
        """Give a page of the model versions, newest first."""
        return schemas.ModelVersionPage(
            models=self.versions.list_page(paging),
            total=self.versions.count(),
            page=paging.page,
            limit=paging.limit,
        )

    def get_version(self, version: int) -> schemas.ModelVersion:
        """Give a model version. Raises `ModelVersionNotFound`."""
        found = self.versions.find(version)
        if found is None:
            raise ModelVersionNotFound(version)
        return found

    def activate(self, version: int, store: ModelStore) -> schemas.ModelVersion:
        """Make a version the live one.

        Raises `ModelVersionNotFound`, and `ConflictError` where its artifact is not in the store as it was written.
        """
        self.get_version(version)
        try:
            read_manifest(store.opener(self.versions.get_artifact(version)))
        except ArtifactError as error:
            raise ConflictError(f"Version {version} cannot go live. {error}") from error
        self.versions.activate(version)
        return self.get_version(version)

    def forget_old_versions(self, keep: int) -> int:
        """Forget all versions but the newest `keep` and the live one, and give their number."""
        old = self.versions.list_old(keep)
        for version in old:
            self.versions.delete(version)
        return len(old)

    def list_orphans(self, store: ModelStore) -> list[str]:
        """Name the artifacts that no version has: of forgotten ones, and of trainings that were killed.

        None while a training runs, whose artifact has no version yet.
        """
        if self.runs.find_id(RunStatus.RUNNING) is not None:
            return []
        return sorted(set(store.list_names()) - self.versions.list_artifacts())

    def start_run(self) -> int:
        """Begin a run in this process, without the queue, and give its id.

        Raises `TrainingInProgress` where one is running.
        """
        try:
            with self.session.begin_nested():
                return self.runs.create_running()
        except IntegrityError:
            raise TrainingInProgress(self.runs.find_id(RunStatus.RUNNING) or 0) from None

    def claim_queued_run(self) -> int | None:
        """Turn the waiting run into the running one and give its id; None where none waits or another one runs."""
        try:
            with self.session.begin_nested():
                return self.runs.claim_queued()
        except IntegrityError:  # Another process claimed first: the unique index decides.
            return None

    def complete_run(self, run_id: int, values: dict[str, object], verdict: Verdict) -> int:
        """Enter a trained model as a new version, make it live if it may be, and end its run, in one transaction.

        Raises `ConflictError` for a run that was given up as lost meanwhile.
        """
        version = self.versions.create(values)
        if not self.runs.succeed(run_id, version, verdict):
            raise ConflictError(f"Training run {run_id} was given up before it ended; its model is not kept.")
        if verdict.accepted:
            self.versions.activate(version)
        return version


class TrainingRunDataManager(BaseDataManager):
    """SQL of the training runs."""

    def create_queued(self) -> int:
        """Insert a waiting run and give its id; where another transaction was first, give that one's."""
        values = {"status": RunStatus.QUEUED, "progress": 0, "created_at": datetime.now(UTC)}
        statement = self.insert(TrainingRun).values(values).on_conflict_do_nothing().returning(TrainingRun.run_id)
        # Between losing the race and looking, the winner's run may have begun: then the queue is free again.
        while (run_id := self.session.scalar(statement) or self.find_id(RunStatus.QUEUED)) is None:
            pass
        return run_id

    def create_running(self) -> int:
        """Insert a run that is running. Raises `IntegrityError` where another one is."""
        now = datetime.now(UTC)
        values = {
            "status": RunStatus.RUNNING,
            "progress": 0,
            "created_at": now,
            "started_at": now,
            "heartbeat_at": now,
        }
        return self.session.execute(insert(TrainingRun).values(values).returning(TrainingRun.run_id)).scalar_one()

    def claim_queued(self) -> int | None:
        """Turn the waiting run into the running one. Raises `IntegrityError` where another process does so too."""
        now = datetime.now(UTC)
        running = aliased(TrainingRun)
        return self.session.scalar(
            update(TrainingRun)
            .where(TrainingRun.status == RunStatus.QUEUED, ~exists().where(running.status == RunStatus.RUNNING))
            .values(status=RunStatus.RUNNING, started_at=now, heartbeat_at=now)
            .returning(TrainingRun.run_id)
        )

    def beat(self, run_id: int, stage: str, progress: float) -> bool:
        """Note that a run is alive and how far it is; False where it is not running any more."""
        return self._change_running(run_id, stage=stage, progress=progress, heartbeat_at=datetime.now(UTC))

    def succeed(self, run_id: int, version: int, verdict: Verdict) -> bool:
        """End a run well; False where it is not running any more."""
        return self._change_running(
            run_id,
            status=RunStatus.SUCCEEDED,
            stage=None,
            progress=1,
            version=version,
            is_activated=verdict.accepted,
            verdict=verdict.reason,
            finished_at=datetime.now(UTC),
        )

    def fail(self, run_id: int, reason: str) -> bool:
        """End a run badly; False where it is not running any more."""
        return self._change_running(run_id, status=RunStatus.FAILED, error=reason, finished_at=datetime.now(UTC))

    def fail_lost(self, lease_s: float) -> list[int]:
        """End the runs that have given no sign of life for `lease_s` seconds, and give their ids."""
        now = datetime.now(UTC)
        return list(
            self.session.scalars(
                update(TrainingRun)
                .where(
                    TrainingRun.status == RunStatus.RUNNING,
                    TrainingRun.heartbeat_at < _lease_began(lease_s),
                )
                .values(
                    status=RunStatus.FAILED,
                    error=f"The training process gave no sign of life for {lease_s:g} s; it was stopped or killed.",
                    finished_at=now,
                )
                .returning(TrainingRun.run_id)
            )
        )

    def needs_attention(self, lease_s: float) -> bool:
        """Say, without writing, whether a run waits for nothing but its start, or is lost."""
        running = aliased(TrainingRun)
        is_free = (TrainingRun.status == RunStatus.QUEUED) & ~exists().where(running.status == RunStatus.RUNNING)
        is_lost = (TrainingRun.status == RunStatus.RUNNING) & (TrainingRun.heartbeat_at < _lease_began(lease_s))
        return bool(self.session.scalar(select(exists().where(is_free | is_lost))))

    def find(self, run_id: int) -> schemas.TrainingRun | None:
        """Give a run by its id."""
        row = self.session.execute(select(*RUN_COLUMNS).where(TrainingRun.run_id == run_id)).one_or_none()
        return None if row is None else schemas.TrainingRun(**row._mapping)

    def find_unfinished(self) -> schemas.TrainingRun | None:
        """Give the run that is running, else the one that waits."""
        statement = select(*RUN_COLUMNS).where(TrainingRun.status.in_(UNFINISHED)).order_by(TrainingRun.run_id)
        rows = [schemas.TrainingRun(**row._mapping) for row in self.session.execute(statement)]
        return min(rows, key=lambda run: UNFINISHED.index(RunStatus(run.status)), default=None)

    def count_by_status(self) -> dict[RunStatus, int]:
        """Count the runs of each status; of a status without runs nothing is said."""
        rows = self.session.execute(select(TrainingRun.status, func.count()).group_by(TrainingRun.status))
        return {RunStatus(status): count for status, count in rows}

    def find_id(self, status: RunStatus) -> int | None:
        """Give the one run that is running, or the one that waits."""
        return self.session.scalar(select(TrainingRun.run_id).where(TrainingRun.status == status))

    def _change_running(self, run_id: int, **values: object) -> bool:
        statement = (
            update(TrainingRun)
            .where(TrainingRun.run_id == run_id, TrainingRun.status == RunStatus.RUNNING)
            .values(values)
            .returning(TrainingRun.run_id)
        )
        return self.session.scalar(statement) is not None


class ModelVersionDataManager(BaseDataManager):
    """SQL of the ledger."""

    def create(self, values: dict[str, object]) -> int:
        """Insert a version and give its number."""
        statement = insert(ModelVersion).values(values | {"created_at": datetime.now(UTC)})
        return self.session.execute(statement.returning(ModelVersion.version)).scalar_one()

    def delete(self, version: int) -> None:
        """Delete a version; its run stays, without it."""
        self.session.execute(update(TrainingRun).where(TrainingRun.version == version).values(version=None))
        self.session.execute(delete(ModelVersion).where(ModelVersion.version == version))

    def get_artifact(self, version: int) -> str:
        """Give the name of a version's artifact."""
        return self.session.execute(select(ModelVersion.artifact).where(ModelVersion.version == version)).scalar_one()

    def list_artifacts(self) -> set[str]:
        """Name the artifacts of all versions."""
        return set(self.session.scalars(select(ModelVersion.artifact)))

    def list_old(self, keep: int) -> list[int]:
        """Give the versions that are neither live nor among the newest `keep`."""
        newest = select(ModelVersion.version).order_by(ModelVersion.version.desc()).limit(keep)
        statement = select(ModelVersion.version).where(
            ModelVersion.version.not_in(newest.scalar_subquery()),
            ModelVersion.version.not_in(select(ActiveModel.version)),
        )
        return list(self.session.scalars(statement))

    def find(self, version: int) -> schemas.ModelVersion | None:
        """Give a version by its number."""
        row = self.session.execute(_versions().where(ModelVersion.version == version)).one_or_none()
        return None if row is None else schemas.ModelVersion(**row._mapping)

    def list_page(self, paging: Paging) -> list[schemas.ModelVersion]:
        """Give a page of the versions, newest first."""
        statement = _versions().order_by(ModelVersion.version.desc()).limit(paging.limit).offset(paging.offset)
        return [schemas.ModelVersion(**row._mapping) for row in self.session.execute(statement)]

    def count(self) -> int:
        """Count the versions."""
        return self.session.scalar(select(func.count()).select_from(ModelVersion)) or 0

    def find_active(self) -> Row[int, str, datetime] | None:
        """Give the live version's number, artifact and time of activation."""
        return self.session.execute(
            select(ActiveModel.version, ModelVersion.artifact, ActiveModel.activated_at).join(ModelVersion)
        ).one_or_none()

    def list_once_live(self, before: int) -> list[tuple[int, str]]:
        """Give number and artifact of the older versions that went live when their runs ended, newest first."""
        statement = (
            select(ModelVersion.version, ModelVersion.artifact)
            .join(TrainingRun, TrainingRun.version == ModelVersion.version)
            # Of runs before there was a gate nothing is said: all went live.
            .where(ModelVersion.version < before, TrainingRun.is_activated.is_not(False))
            .order_by(ModelVersion.version.desc())
        )
        return [(version, artifact) for version, artifact in self.session.execute(statement)]

    def activate(self, version: int) -> None:
        """Point the one row at a version."""
        values = {"version": version, "activated_at": datetime.now(UTC)}
        statement = self.insert(ActiveModel).values(slot=1, **values)
        self.session.execute(statement.on_conflict_do_update(index_elements=[ActiveModel.slot], set_=values))


def _lease_began(lease_s: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=lease_s)


def _versions() -> Select[*tuple[Any, ...]]:
    columns = [column for column in ModelVersion.__table__.columns if column.name != "artifact"]
    is_active = (ModelVersion.version == ActiveModel.version).label("is_active")
    return select(*columns, func.coalesce(is_active, False).label("is_active")).outerjoin(
        ActiveModel, ActiveModel.version == ModelVersion.version
    )
