"""Wire types of the recommendation engine: runs, model versions, the live version."""

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
    """A training run, from its request to its end."""

    model_config = ConfigDict(json_schema_extra={"examples": [RUN]})

    run_id: int
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    stage: str | None = Field(description="The current stage of the training.", examples=["fitting"])
    progress: float = Field(ge=0, le=1, description="Share of the work that is done.")
    error: str | None = Field(description="Why the run failed; null otherwise.")
    version: int | None = Field(description="The model version of the run; null until it has succeeded.")
    is_activated: bool | None = Field(
        description="Whether the version was activated, which requires that it is not worse than the live version. "
        "Null until the run has succeeded."
    )
    verdict: str | None = Field(description="Why the version was activated or not.")
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


class TrainingRunPage(ReadSchema):
    """A page of training runs, newest first."""

    runs: list[TrainingRun]
    total: Total
    page: int
    limit: int = Field(examples=[10])


class TrainingData(ReadSchema):
    """The data that a model was trained on."""

    ratings: int = Field(examples=[100_836])
    users: int = Field(description="Users with at least one rating.", examples=[610])
    movies: int = Field(description="Movies in the catalogue, with or without ratings.", examples=[9742])
    newest_rating: Timestamp
    catalogue_version: int = Field(
        description="Increases with every ingestion that changes the catalogue.", examples=[1]
    )
    modelled_movies: int = Field(
        description="Movies with a personal score. All others are ranked by popularity.",
        examples=[9724],
    )
    modelled_ratings: int = Field(description="Ratings of the modelled movies.", examples=[100_836])


class ReliabilityBin(ReadSchema):
    """One row of a reliability table: the held-out ratings with a predicted probability between the bounds."""

    lower: float = Field(examples=[0.8])
    upper: float = Field(examples=[0.9])
    pairs: int = Field(description="Number of ratings.", examples=[567])
    mean_predicted: float = Field(examples=[0.8515])
    observed: float = Field(description="Share of ratings with 4 stars or more.", examples=[0.8607])


class LiveCalibration(ReadSchema):
    """Predicted probabilities beside the ratings that followed, since the start of the server."""

    bins: list[ReliabilityBin] = Field(description="One entry for each tenth with ratings, in ascending order.")


class ActivityBucket(ReadSchema):
    """The quality of the lists for users with a similar number of ratings."""

    ratings_from: int = Field(
        description="Smallest number of known ratings in this group; the next group starts above it.", examples=[50]
    )
    users: int = Field(examples=[222])
    ndcg_at_10: float = Field(examples=[0.1501])
    recall_at_20: float = Field(examples=[0.2064])
    hit_rate_at_10: float = Field(examples=[0.7685])


class ColdStartBucket(ReadSchema):
    """The quality for new users with a number of known ratings, measured on users that the fit has not seen."""

    known_ratings: int = Field(examples=[3])
    users: int = Field(description="New users with a held-out positive rating.", examples=[87])
    ndcg_at_10: float = Field(examples=[0.204])
    popularity_ndcg_at_10: float = Field(
        description="NDCG@10 of the most popular movies for the same users.", examples=[0.17]
    )
    pairs: int = Field(description="Number of held-out ratings.", examples=[1731])
    ece: float = Field(description="Calibration error on all held-out ratings.", examples=[0.007])
    ece_top_20: float = Field(description="Calibration error within the first 20 of a list.", examples=[0.028])
    predicted_top_20: float = Field(description="Mean probability within the first 20.", examples=[0.786])
    observed_top_20: float = Field(
        description="Share of ratings of 4 stars or more within the first 20.", examples=[0.79]
    )


class ModelVersion(ReadSchema):
    """A model version: its data, parameters and quality."""

    version: int = Field(examples=[3])
    algorithm: str = Field(examples=["ease"])
    parameters: dict[str, Any] = Field(examples=[{"penalty": 200.0, "recency_power": 0.5}])
    seed: int = Field(examples=[0])
    data: TrainingData
    metrics: dict[str, int | float] = Field(
        description="Quality of the lists and of the probabilities on held-out ratings. Empty for a model of "
        "popularity that was trained on too few ratings to hold some out.",
        examples=[{"ndcg_at_10": 0.1426, "recall_at_20": 0.1978, "coverage": 0.0571, "auc": 0.7413, "ece": 0.0122}],
    )
    calibration: list[ReliabilityBin] = Field(
        description="Reliability table: predicted probabilities against observed shares."
    )
    activity: list[ActivityBucket] = Field(description="Quality of the lists by the number of ratings of the users.")
    cold_start: list[ColdStartBucket] = Field(
        description="Quality for new users by their number of ratings; empty if too few users can be held out."
    )
    duration_s: float = Field(description="Duration of the training in seconds.", examples=[9.2])
    size_bytes: int = Field(examples=[41_300_000])
    created_at: Timestamp
    run_id: int | None = Field(description="The training run that produced it.", examples=[2])
    verdict: str | None = Field(description="Why the version was activated or not.")
    is_active: bool = Field(description="Whether this is the live version.")


class ModelVersionPage(ReadSchema):
    """A page of model versions, newest first."""

    models: list[ModelVersion]
    total: Total
    page: int
    limit: int = Field(examples=[10])


class ActiveModelChange(WriteSchema):
    """The version to activate."""

    version: Annotated[EntityId, Field(examples=[3])]


class RecommendationEngine(ReadSchema):
    """The state of the recommendation engine."""

    active_model: ModelVersion | None = Field(description="The live version; null before the first training.")
    activated_at: Timestamp | None
    age_s: int | None = Field(description="Seconds since the live version was trained.", examples=[3600])
    current_run: TrainingRun | None = Field(
        description="The running or else the queued run; null if there is none.", examples=[None]
    )
