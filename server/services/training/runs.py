"""The queue of training runs: at most one run is queued and one is running, in the whole installation."""

from datetime import UTC, datetime
from enum import Enum, auto
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, exists, func, insert, literal, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from server.backend.announcements import announce_change
from server.command_errors import TrainingInProgress
from server.errors import ConflictError, RunNotFound
from server.models import RunStatus, TrainingRun
from server.recommender.evaluation.comparison import Verdict
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
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
CANCELLED = "Cancelled on request."


class RunState(Enum):
    """The state of a run, as its training process sees it."""

    RUNNING = auto()
    CANCELLING = auto()
    ENDED = auto()


class RunningRun(NamedTuple):
    """The running run, and the number of its heartbeats so far."""

    run_id: int
    heartbeats: int


class Queue(NamedTuple):
    """The unfinished runs."""

    running: RunningRun | None
    queued: int | None


class TrainingRunService(BaseService):
    """The life of a run: queued, running, and then succeeded, failed or cancelled."""

    def __init__(self, session: Session) -> None:
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

    def get(self, run_id: int) -> schemas.TrainingRun:
        """Return a run. Raises `RunNotFound`."""
        run = self.runs.find(run_id)
        if run is None:
            raise RunNotFound(run_id)
        return run

    def list_page(self, paging: Paging) -> schemas.TrainingRunPage:
        """List a page of the runs, newest first."""
        return schemas.TrainingRunPage(
            runs=self.runs.list_page(paging), total=self.runs.count(), page=paging.page, limit=paging.limit
        )

    def cancel(self, run_id: int) -> schemas.TrainingRun:
        """Cancel a run and return it. A running one stays "running" until its training process has stopped.

        Raises `RunNotFound`, and `ConflictError` if the run has ended.
        """
        run = self.get(run_id)
        if not self.runs.cancel_queued(run_id) and not self.runs.request_cancellation(run_id):
            raise ConflictError(f"Training run {run_id} has already ended: its status is {run.status}.")
        return self.get(run_id)

    def complete(self, run_id: int, values: dict[str, object], verdict: Verdict) -> int:
        """Record a trained model as a new version, activate it if it was accepted, and end its run.

        Raises `ConflictError` if the run was cancelled or has ended meanwhile.
        """
        version = self.versions.create(values)
        if not self.runs.succeed(run_id, version, verdict):
            raise ConflictError(
                f"Training run {run_id} was cancelled or ended before its model was ready. The model is discarded."
            )
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
        announce_change(self.session)
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

    def cancel_queued(self, run_id: int) -> bool:
        """Cancel a queued run. Return False if the run is not queued."""
        statement = (
            update(TrainingRun)
            .where(TrainingRun.run_id == run_id, TrainingRun.status == RunStatus.QUEUED)
            .values(status=RunStatus.CANCELLED, error=CANCELLED, finished_at=datetime.now(UTC))
            .returning(TrainingRun.run_id)
        )
        return self.session.scalar(statement) is not None

    def request_cancellation(self, run_id: int) -> bool:
        """Request the training process of a run to stop. Return False if the run is not running."""
        return self._change_running(run_id, is_cancelling=True, stage="cancelling")

    def beat(self, run_id: int, stage: str, progress: float) -> RunState:
        """Record a heartbeat with the progress of a run, and return the state of the run."""
        statement = (
            update(TrainingRun)
            .where(TrainingRun.run_id == run_id, TrainingRun.status == RunStatus.RUNNING)
            .values(
                heartbeats=TrainingRun.heartbeats + 1,
                heartbeat_at=datetime.now(UTC),
                stage=case((TrainingRun.is_cancelling, TrainingRun.stage), else_=stage),
                progress=progress,
            )
            .returning(TrainingRun.is_cancelling)
        )
        is_cancelling = self.session.scalar(statement)
        if is_cancelling is None:
            return RunState.ENDED
        return RunState.CANCELLING if is_cancelling else RunState.RUNNING

    def succeed(self, run_id: int, version: int, verdict: Verdict) -> bool:
        """End a run as succeeded. Return False if the run is not running or is being cancelled."""
        return self._change_running(
            run_id,
            ~TrainingRun.is_cancelling,
            status=RunStatus.SUCCEEDED,
            stage=None,
            progress=1,
            version=version,
            is_activated=verdict.accepted,
            verdict=verdict.reason,
            finished_at=datetime.now(UTC),
        )

    def fail(self, run_id: int, reason: str) -> bool:
        """End a run as failed, or as cancelled if that was requested. Return False if the run is not running."""
        return self._change_running(run_id, **_failure(reason))

    def fail_lost(self, run: RunningRun, reason: str) -> bool:
        """End a run as failed unless it has sent another heartbeat. Return whether it was ended."""
        return self._change_running(run.run_id, TrainingRun.heartbeats == run.heartbeats, **_failure(reason))

    def get_queue(self) -> Queue:
        """Return the unfinished runs."""
        rows = self.session.execute(
            select(TrainingRun.run_id, TrainingRun.status, TrainingRun.heartbeats).where(
                TrainingRun.status.in_(UNFINISHED)
            )
        ).all()
        running = [RunningRun(row.run_id, row.heartbeats) for row in rows if row.status == RunStatus.RUNNING]
        queued = [row.run_id for row in rows if row.status == RunStatus.QUEUED]
        return Queue(next(iter(running), None), next(iter(queued), None))

    def find(self, run_id: int) -> schemas.TrainingRun | None:
        """Return a run by its id, or None."""
        row = self.session.execute(select(*COLUMNS).where(TrainingRun.run_id == run_id)).one_or_none()
        return None if row is None else schemas.TrainingRun(**row._mapping)

    def list_page(self, paging: Paging) -> list[schemas.TrainingRun]:
        """List a page of the runs, newest first."""
        statement = select(*COLUMNS).order_by(TrainingRun.run_id.desc()).limit(paging.limit).offset(paging.offset)
        return [schemas.TrainingRun(**row._mapping) for row in self.session.execute(statement)]

    def count(self) -> int:
        """Count the runs."""
        return self.session.scalar(select(func.count()).select_from(TrainingRun)) or 0

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

    def _change_running(self, run_id: int, *conditions: ColumnElement[bool], **values: object) -> bool:
        statement = (
            update(TrainingRun)
            .where(TrainingRun.run_id == run_id, TrainingRun.status == RunStatus.RUNNING, *conditions)
            .values(values)
            .returning(TrainingRun.run_id)
        )
        announce_change(self.session)
        return self.session.scalar(statement) is not None


def describe_loss(lease_s: float) -> str:
    """Return why a run is lost."""
    return (
        f"The server that ran the training sent no heartbeat for {lease_s:g} s and is considered lost. "
        "The next training can start."
    )


def _failure(reason: str) -> dict[str, object]:
    return {
        "status": case((TrainingRun.is_cancelling, literal(RunStatus.CANCELLED)), else_=literal(RunStatus.FAILED)),
        "error": case((TrainingRun.is_cancelling, literal(CANCELLED)), else_=literal(reason)),
        "finished_at": datetime.now(UTC),
    }
