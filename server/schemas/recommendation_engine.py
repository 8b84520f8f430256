"""The recommendation engine on the wire: runs, model versions, the live one."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from server.schemas.base import EntityId, ReadSchema, Timestamp, Total, WriteSchema

RUN: JsonDict = {
    "run_id": 2,
    "status": "succeeded",
    "stage": None,
    "progress": 1.0,
    "error": None,
    "version": 3,
    "is_activated": True,
    "verdict": (
        "On the same held-out ratings NDCG@10 is 0.1426, that of the live version 0.1411 "
        "(difference -0.0007 to +0.0037): it is not worse."
    ),
    "created_at": "2024-10-30T14:30:00",
    "started_at": "2024-10-30T14:30:00",
    "finished_at": "2024-10-30T14:30:09",
}


class TrainingRun(ReadSchema):
    """A training, from the moment it was asked for."""

    model_config = ConfigDict(json_schema_extra={"examples": [RUN]})

    run_id: int
    status: Literal["queued", "running", "succeeded", "failed"]
    stage: str | None = Field(description="What the training is doing.", examples=["fitting"])
    progress: float = Field(ge=0, le=1, description="Share of the work that is done.")
    error: str | None = Field(description="Why the run failed; null otherwise.")
    version: int | None = Field(description="The model version it made; null until it has succeeded.")
    is_activated: bool | None = Field(
        description="Whether that version went live: only if it was not worse than the live one. Null until then."
    )
    verdict: str | None = Field(description="Why the version went live, or why not.")
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class TrainingData(ReadSchema):
    """What a model was trained on."""

    ratings: int = Field(examples=[100_836])
    users: int = Field(description="Users with a rating.", examples=[610])
    movies: int = Field(description="Movies in the catalogue, rated or not.", examples=[9742])
    newest_rating: Timestamp
    catalogue_version: int = Field(description="Grows with every ingestion that changes something.", examples=[1])
    modelled_movies: int = Field(
        description="Movies that can have a score of a user's own: the most rated ones; the others go by popularity.",
        examples=[2269],
    )
    modelled_ratings: int = Field(
        description="Ratings of those; what is lacking to `ratings` is what the cut loses.", examples=[81_915]
    )


class ReliabilityBin(ReadSchema):
    """One row of a reliability table: the held-out ratings whose predicted probability lies between the bounds."""

    lower: float = Field(examples=[0.8])
    upper: float = Field(examples=[0.9])
    pairs: int = Field(description="How many ratings.", examples=[567])
    mean_predicted: float = Field(examples=[0.8515])
    observed: float = Field(description="Share of them with 4 stars or more.", examples=[0.8607])


class ActivityBucket(ReadSchema):
    """The quality of lists for users who have rated about as much."""

    ratings_from: int = Field(
        description="Fewest known ratings of a user of this bucket; the next begins above.", examples=[50]
    )
    users: int = Field(examples=[222])
    ndcg_at_10: float = Field(examples=[0.1501])
    recall_at_20: float = Field(examples=[0.2064])
    hit_rate_at_10: float = Field(examples=[0.7685])


class ModelVersion(ReadSchema):
    """A model version: what it was made from and how good it is."""

    version: int = Field(examples=[3])
    algorithm: str = Field(examples=["ease"])
    parameters: dict[str, Any] = Field(examples=[{"penalty": 200.0, "half_life": 40.0}])
    seed: int = Field(examples=[0])
    data: TrainingData
    metrics: dict[str, int | float] = Field(
        description="Quality on held-out ratings: of the list and of the probabilities.",
        examples=[{"ndcg_at_10": 0.1426, "recall_at_20": 0.1978, "coverage": 0.0571, "auc": 0.7413, "ece": 0.0122}],
    )
    calibration: list[ReliabilityBin] = Field(description="The reliability table: predicted against observed.")
    activity: list[ActivityBucket] = Field(description="The quality of lists by how much the users have rated.")
    duration_s: float = Field(description="How long the training took, in seconds.", examples=[9.2])
    size_bytes: int = Field(examples=[41_300_000])
    created_at: Timestamp
    is_active: bool = Field(description="Whether this is the version that serves.")


class ModelVersionPage(ReadSchema):
    """A page of model versions, newest first."""

    models: list[ModelVersion]
    total: Total
    page: int
    limit: int = Field(examples=[10])


class ActiveModelChange(WriteSchema):
    """The version to go live."""

    version: Annotated[EntityId, Field(examples=[3])]


class RecommendationEngine(ReadSchema):
    """How the engine stands."""

    active_model: ModelVersion | None = Field(description="The live version; null before the first training.")
    activated_at: Timestamp | None
    age_s: int | None = Field(description="Seconds since the live version was trained.", examples=[3600])
    current_run: TrainingRun | None = Field(
        description="The run that is running, else the one that waits; null if none.", examples=[None]
    )
