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
    is_activated: bool | None = Field(
        description="Whether that version went live: only if it was not worse than the live one. Null until then."
    )
    verdict: str | None = Field(
        description="Why the version went live, or why not.",
        examples=[
            "On the same held-out ratings NDCG@10 is 0.0743, that of the live version 0.0859 "
            "(difference -0.0196 to -0.0029): the lists are worse."
        ],
    )
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class TrainingData(ReadSchema):
    """What a model was trained on."""

    ratings: int
    users: int = Field(description="Users with a rating.")
    movies: int = Field(description="Movies in the catalogue, rated or not.")
    newest_rating: Timestamp
    catalogue_version: int = Field(description="Grows with every ingestion that changes something.")
    modelled_movies: int = Field(
        description="Movies that can have a score of a user's own: the most rated ones; the others go by popularity."
    )
    modelled_ratings: int = Field(description="Ratings of those; what is lacking to `ratings` is what the cut loses.")


class ReliabilityBin(ReadSchema):
    """One row of a reliability table: the held-out ratings whose predicted probability lies between the bounds."""

    lower: float
    upper: float
    pairs: int = Field(description="How many ratings.")
    mean_predicted: float
    observed: float = Field(description="Share of them with 4 stars or more.")


class ActivityBucket(ReadSchema):
    """The quality of lists for users who have rated about as much."""

    ratings_from: int = Field(description="Fewest known ratings of a user of this bucket; the next begins above.")
    users: int
    ndcg_at_10: float
    recall_at_20: float
    hit_rate_at_10: float


class ModelVersion(ReadSchema):
    """A model version: what it was made from and how good it is."""

    version: int
    algorithm: str = Field(examples=["ease"])
    parameters: dict[str, Any]
    seed: int
    data: TrainingData
    metrics: dict[str, int | float] = Field(
        description="Quality on held-out ratings: of the list and of the probabilities.",
        examples=[{"ndcg_at_10": 0.1426, "recall_at_20": 0.1978, "coverage": 0.0571, "auc": 0.7413, "ece": 0.0122}],
    )
    calibration: list[ReliabilityBin] = Field(description="The reliability table: predicted against observed.")
    activity: list[ActivityBucket] = Field(description="The quality of lists by how much the users have rated.")
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
