"""The tables of the recommendation engine: training runs, model versions and the active version."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, CheckConstraint, Double, ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId, UnixTime


class RunStatus(StrEnum):
    """The status of a training run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ModelVersion(Base):
    """A trained model: its origin and its quality. The model store keeps its arrays under the name ``artifact``."""

    __tablename__ = "model_versions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    version: Mapped[int] = mapped_column(BigId, primary_key=True)
    algorithm: Mapped[str] = mapped_column(String)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    seed: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSON)
    calibration: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    activity: Mapped[list[dict[str, Any]]] = mapped_column(JSON, server_default="[]")
    cold_start: Mapped[list[dict[str, Any]]] = mapped_column(JSON, server_default="[]")
    duration_s: Mapped[float] = mapped_column(Double)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    artifact: Mapped[str] = mapped_column(String, unique=True)
    created_at: Mapped[datetime] = mapped_column(UnixTime)


class ActiveModel(Base):
    """The single row that names the active version."""

    __tablename__ = "active_model"
    __table_args__ = (CheckConstraint("slot = 1", name="one_row"),)

    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigId, ForeignKey(ModelVersion.version))
    activated_at: Mapped[datetime] = mapped_column(UnixTime)


class TrainingRun(Base):
    """A training run. Two unique indexes allow one running and one queued run in the whole installation."""

    __tablename__ = "training_runs"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress"),
        Index(
            "uq_training_runs_one_running",
            "status",
            unique=True,
            sqlite_where=text("status = 'running'"),
            postgresql_where=text("status = 'running'"),
        ),
        Index(
            "uq_training_runs_one_queued",
            "status",
            unique=True,
            sqlite_where=text("status = 'queued'"),
            postgresql_where=text("status = 'queued'"),
        ),
        {"sqlite_autoincrement": True},
    )

    run_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    status: Mapped[str] = mapped_column(String)
    stage: Mapped[str | None] = mapped_column(String)
    progress: Mapped[float] = mapped_column(Double)
    error: Mapped[str | None] = mapped_column(String)
    version: Mapped[int | None] = mapped_column(BigId, ForeignKey(ModelVersion.version))
    is_activated: Mapped[bool | None]
    """Whether the version became active when the run ended."""
    verdict: Mapped[str | None] = mapped_column(String)
    """The reason for activating the version, or for not activating it."""
    created_at: Mapped[datetime] = mapped_column(UnixTime)
    started_at: Mapped[datetime | None] = mapped_column(UnixTime)
    heartbeat_at: Mapped[datetime | None] = mapped_column(UnixTime)
    """The time of the last heartbeat, for people. Only changes of `heartbeats` decide whether a run is lost."""
    heartbeats: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The number of heartbeats. A run whose number does not change for the length of a lease is lost."""
    is_cancelling: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether its cancellation was requested."""
    finished_at: Mapped[datetime | None] = mapped_column(UnixTime)
