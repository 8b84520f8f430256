"""The queue of training runs: at most one run is queued and one is running, in the whole installation."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import exists, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from server.backend.database import TransactionSession
from server.command_errors import TrainingInProgress
from server.errors import ConflictError
from server.models import RunStatus, TrainingRun
from server.recommender.evaluation.comparison import Verdict
from server.schemas import recommendation_engine as schemas
from server.services.base import BaseDataManager, BaseService
from server.services.model_versions import ModelVersionDataManager

COLUMNS = (
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


class TrainingRunService(BaseService):
    """The life of a run: queued, running, and then succeeded or failed."""

    def __init__(self, session: TransactionSession) -> None:
        super().__init__(session)
        self.runs = TrainingRunDataManager(session)
        self.versions = ModelVersionDataManager(session)

    def request(self) -> int:
        """Queue a run and return its id. If one is queued already, return that one's id."""
        queued = self.runs.find_id(RunStatus.QUEUED)
        return queued if queued is not None else self.runs.create_queued()

    def start(self) -> int:
        """Start a run without queueing it and return its id.

        Raises `TrainingInProgress` if another run is running.
        """
        try:
            with self.session.begin_nested():
                return self.runs.create_running()
        except IntegrityError:
            raise TrainingInProgress(self.runs.find_id(RunStatus.RUNNING) or 0) from None

    def claim_queued(self) -> int | None:
        """Start the queued run and return its id, or None if no run is queued or another one is running."""
        try:
            with self.session.begin_nested():
                return self.runs.claim_queued()
        except IntegrityError:  # Another process claimed first: the unique index decides.
            return None

    def complete(self, run_id: int, values: dict[str, object], verdict: Verdict) -> int:
        """Record a trained model as a new version, activate it if it was accepted, and end its run.

        Raises `ConflictError` if the run has ended meanwhile.
        """
        version = self.versions.create(values)
        if not self.runs.succeed(run_id, version, verdict):
            raise ConflictError(f"Training run {run_id} had ended before its model was ready. The model is discarded.")
        if verdict.accepted:
            self.versions.activate(version)
        return version


class TrainingRunDataManager(BaseDataManager):
    """SQL of the training runs."""

    def create_queued(self) -> int:
        """Insert a queued run and return its id, or the id of the run that another transaction queued first."""
        values = {"status": RunStatus.QUEUED, "progress": 0, "created_at": datetime.now(UTC)}
        statement = (
            self
            .insert(TrainingRun)
            .values(values)
            # An update that changes nothing, because DO NOTHING returns no row.
            .on_conflict_do_update(
                index_elements=[TrainingRun.status],
                index_where=text("status = 'queued'"),
                set_={"status": RunStatus.QUEUED},
            )
            .returning(TrainingRun.run_id)
        )
        return self.session.execute(statement).scalar_one()

    def create_running(self) -> int:
        """Insert a running run. Raises `IntegrityError` if another run is running."""
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
        """Start the queued run. Raises `IntegrityError` if another process starts one at the same moment."""
        now = datetime.now(UTC)
        running = aliased(TrainingRun)
        return self.session.scalar(
            update(TrainingRun)
            .where(TrainingRun.status == RunStatus.QUEUED, ~exists().where(running.status == RunStatus.RUNNING))
            .values(status=RunStatus.RUNNING, started_at=now, heartbeat_at=now)
            .returning(TrainingRun.run_id)
        )

    def beat(self, run_id: int, stage: str, progress: float) -> bool:
        """Record a heartbeat with the progress of a run. Return False if the run is not running."""
        return self._change_running(run_id, stage=stage, progress=progress, heartbeat_at=datetime.now(UTC))

    def succeed(self, run_id: int, version: int, verdict: Verdict) -> bool:
        """End a run as succeeded. Return False if the run is not running."""
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
        """End a run as failed. Return False if the run is not running."""
        return self._change_running(run_id, status=RunStatus.FAILED, error=reason, finished_at=datetime.now(UTC))

    def fail_lost(self, lease_s: float) -> list[int]:
        """End the runs without a heartbeat in the last `lease_s` seconds, and return their ids."""
        now = datetime.now(UTC)
        return list(
            self.session.scalars(
                update(TrainingRun)
                .where(TrainingRun.status == RunStatus.RUNNING, TrainingRun.heartbeat_at < _lease_start(lease_s))
                .values(
                    status=RunStatus.FAILED,
                    error=f"No heartbeat of the training arrived for {lease_s:g} s.",
                    finished_at=now,
                )
                .returning(TrainingRun.run_id)
            )
        )

    def needs_attention(self, lease_s: float) -> bool:
        """Return, without writing, whether a queued run can start or a running one is lost."""
        running = aliased(TrainingRun)
        is_free = (TrainingRun.status == RunStatus.QUEUED) & ~exists().where(running.status == RunStatus.RUNNING)
        is_lost = (TrainingRun.status == RunStatus.RUNNING) & (TrainingRun.heartbeat_at < _lease_start(lease_s))
        return bool(self.session.scalar(select(exists().where(is_free | is_lost))))

    def find(self, run_id: int) -> schemas.TrainingRun | None:
        """Return a run by its id, or None."""
        row = self.session.execute(select(*COLUMNS).where(TrainingRun.run_id == run_id)).one_or_none()
        return None if row is None else schemas.TrainingRun(**row._mapping)

    def find_unfinished(self) -> schemas.TrainingRun | None:
        """Return the running run, else the queued one, else None."""
        statement = select(*COLUMNS).where(TrainingRun.status.in_(UNFINISHED)).order_by(TrainingRun.run_id)
        rows = [schemas.TrainingRun(**row._mapping) for row in self.session.execute(statement)]
        return min(rows, key=lambda run: UNFINISHED.index(RunStatus(run.status)), default=None)

    def count_by_status(self) -> dict[RunStatus, int]:
        """Count the runs of each status that occurs."""
        rows = self.session.execute(select(TrainingRun.status, func.count()).group_by(TrainingRun.status))
        return {RunStatus(status): count for status, count in rows}

    def find_id(self, status: RunStatus) -> int | None:
        """Return the id of the running or the queued run, or None."""
        return self.session.scalar(select(TrainingRun.run_id).where(TrainingRun.status == status))

    def _change_running(self, run_id: int, **values: object) -> bool:
        statement = (
            update(TrainingRun)
            .where(TrainingRun.run_id == run_id, TrainingRun.status == RunStatus.RUNNING)
            .values(values)
            .returning(TrainingRun.run_id)
        )
        return self.session.scalar(statement) is not None


def _lease_start(lease_s: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=lease_s)
