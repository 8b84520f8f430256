"""The model card: what a model was trained on and how good it is on held-out ratings."""

from typing import Any

from pydantic import Field

from server.recommender.data.record import Record
from server.recommender.evaluation.calibration_metrics import CalibrationBin, CalibrationMetrics
from server.recommender.evaluation.cold_start_metrics import ColdStartGroup
from server.recommender.evaluation.ranking_metrics import ActivityGroup, RankingMetrics, SessionMetrics


class DataSummary(Record):
    """The ratings that a model was trained on."""

    ratings: int
    users: int = Field(description="Users with a rating.")
    movies: int = Field(description="Movies in the catalogue, rated or not.")
    newest_rating: int = Field(description="Time of the newest rating, in seconds since 1970, UTC.")
    modelled_movies: int = Field(description="Movies with personal scores.")
    modelled_ratings: int = Field(description="Ratings of those; ratings of other movies only count as popularity.")


class Metrics(RankingMetrics, SessionMetrics, CalibrationMetrics):
    """The quality of the lists and of the probabilities."""

    modelled_likes: float = Field(
        description="Share of the relevant movies with personal scores; the others are rarely recommended."
    )


class Evaluation(Record):
    """The quality of an algorithm on held-out ratings."""

    algorithm: str
    parameters: dict[str, Any]
    metrics: Metrics
    calibration: tuple[CalibrationBin, ...] = Field(description="The reliability table behind the metrics.")
    activity: tuple[ActivityGroup, ...] = Field(description="The quality of lists by the users' number of ratings.")
    cold_start: tuple[ColdStartGroup, ...] = Field(
        description="The quality for new users by the number of known ratings; empty if too few users can be held out."
    )


class ModelCard(Record):
    """The origin and quality of a model; the same ratings and seed give the same card."""

    algorithm: str
    parameters: dict[str, Any]
    metrics: Metrics | None = Field(description="None if the ratings were too few to measure anything.")
    calibration: tuple[CalibrationBin, ...]
    activity: tuple[ActivityGroup, ...]
    cold_start: tuple[ColdStartGroup, ...]
    seed: int
    data: DataSummary
