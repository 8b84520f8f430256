"""The tables of the database."""

from server.models.base import Base
from server.models.catalogue import Ingestion, PopularitySnapshot, StoredIndex
from server.models.genres import Genre, MovieGenre
from server.models.movies import AlternativeTitle, Movie
from server.models.ratings import Rating, WithdrawnRating
from server.models.recommendation_engine import ActiveModel, ModelVersion, RunStatus, TrainingRun
from server.models.statistics import MovieStatistics
from server.models.tags import MovieTag, Tag
from server.models.user import Credentials, DeletedUser, Role, User

__all__ = [
    "ActiveModel",
    "AlternativeTitle",
    "Base",
    "Credentials",
    "DeletedUser",
    "Genre",
    "Ingestion",
    "ModelVersion",
    "Movie",
    "MovieGenre",
    "MovieStatistics",
    "MovieTag",
    "PopularitySnapshot",
    "Rating",
    "Role",
    "RunStatus",
    "StoredIndex",
    "Tag",
    "TrainingRun",
    "User",
    "WithdrawnRating",
]
