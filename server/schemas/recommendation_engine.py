"""The recommendation engine on the wire: runs, model versions, the live one."""

from typing import Annotated, Any, Literal

from pydantic import Field

from server.schemas.base import EntityId, ReadSchema, Timestamp, Total, WriteSchema


class TrainingRun(ReadSchema):
    """A training, from the moment it was asked for."""

    run_id: int
    status: Literal["queued", "running", "succeeded", "failed"]
    stage: str | None = Field(description="What the training is doing.", examples=["fitting"])
    progress: float = Field(ge=0, le=1, description="Share of the work that is done.")
    error: str | None = Field(description="Why the run failed; null otherwise.")
    version: int | None = Field(description="The model version it made; null until it has succeeded.")
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class ModelVersion(ReadSchema):
    """A model version: what it was made from and how good it is."""

    version: int
    algorithm: str = Field(examples=["nmf"])
    parameters: dict[str, Any]
    seed: int
    data: dict[str, Any] = Field(description="What it was trained on: counts, and the newest rating.")
    metrics: dict[str, Any] = Field(description="Quality on held-out ratings: ndcg_at_10, recall_at_20, ece, auc, …")
    calibration: list[dict[str, Any]] = Field(
        description="The reliability table: predicted against observed, bin by bin."
    )
    duration_s: float = Field(description="How long the training took, in seconds.")
    size_bytes: int
    created_at: Timestamp
    is_active: bool = Field(description="Whether this is the version that serves.")


class ModelVersionPage(ReadSchema):
    """A page of model versions, newest first."""

    models: list[ModelVersion]
    total: Total
    page: int
    limit: int


class ActiveModelChange(WriteSchema):
    """The version to go live."""

    version: Annotated[EntityId, Field(examples=[3])]


class RecommendationEngine(ReadSchema):
    """How the engine stands."""

    active_model: ModelVersion | None = Field(description="The live version; null before the first training.")
    activated_at: Timestamp | None
    age_s: int | None = Field(description="Seconds since the live version was trained.")
    current_run: TrainingRun | None = Field(
        description="The run that is running, else the one that waits; null if none."
    )
