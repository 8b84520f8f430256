"""The tables of the database."""

from server.models.base import Base
from server.models.movies import AlternativeTitle, Genre, Ingestion, Movie, MovieGenre, MovieStatistics, StoredIndex
from server.models.ratings import Rating
from server.models.recommendation_engine import ActiveModel, ModelVersion, RunStatus, TrainingRun
from server.models.user import Credentials, Role, User

__all__ = [
    "ActiveModel",
    "AlternativeTitle",
    "Base",
    "Credentials",
    "Genre",
    "Ingestion",
    "ModelVersion",
    "Movie",
    "MovieGenre",
    "MovieStatistics",
    "Rating",
    "Role",
    "RunStatus",
    "StoredIndex",
    "TrainingRun",
    "User",
]
