"""The inputs of a training: the database, or an export."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from server.backend.database import Database
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.ratings import Ratings
from server.recommender.data.stored_ratings import StoredRatings
from server.recommender.data.user_order import UserOrder
from server.services.live.catalogue import CatalogueDataManager
from server.services.training.dataset import Dataset
from server.services.training.export_source import ExportSource
from server.services.training.ratings_reader import RatingsReader
from server.services.training.spark import SparkSource, open_session


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The ratings and the catalogue at one moment."""

    source: Source
    catalogue: Catalogue
    catalogue_version: int


class TrainingInput(Protocol):
    """Ratings and a catalogue to train on."""

    def summarise(self) -> tuple[int, datetime | None, int]:
        """Return the number of ratings, the time of the newest one, and the version of the catalogue."""

    def open(self) -> AbstractContextManager[TrainingData]:
        """Provide the data for a block. Raise `SettingsError` if they cannot be read."""


class DatabaseInput:
    """The ratings of the database, copied to a temporary file in the order of users."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def summarise(self) -> tuple[int, datetime | None, int]:
        """Return the number of ratings, the time of the newest one, and the version of the catalogue."""
        with self.database.transaction(writes=False) as session:
            return RatingsReader(session).summarise()

    @contextmanager
    def open(self) -> Iterator[TrainingData]:
        """Read one snapshot, and keep it in a file."""
        catalogue, version, order = read_snapshot(self.database)
        with closing(StoredRatings(catalogue.movie_ids)) as ratings:
            with closing(order):
                ratings.write(Interactions.from_ratings(piece, catalogue.movie_ids) for piece in order.pieces())
            yield TrainingData(ratings, catalogue, version)


class DatasetInput:
    """The ratings of an export, copied to a temporary file."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def summarise(self) -> tuple[int, datetime | None, int]:
        """Return what the manifest says. Raise `ExportError`."""
        manifest = self.dataset.read_manifest()
        return manifest.ratings, manifest.newest_rating, manifest.catalogue_version

    @contextmanager
    def open(self) -> Iterator[TrainingData]:
        """Read the export once, and keep the ratings in a file. Raise `ExportError`."""
        manifest = self.dataset.read_manifest()
        catalogue = self.dataset.read_catalogue(manifest)
        export = ExportSource(self.dataset.url, manifest.parts, catalogue.movie_ids)
        with closing(StoredRatings(catalogue.movie_ids)) as ratings:
            ratings.write(export.pieces())
            yield TrainingData(ratings, catalogue, manifest.catalogue_version)


class SparkInput(DatasetInput):
    """The ratings of an export, read by the workers of a cluster."""

    def __init__(self, dataset: Dataset, master: str) -> None:
        super().__init__(dataset)
        self.master = master

    @contextmanager
    def open(self) -> Iterator[TrainingData]:
        """Start Spark for the block. Raise `ExportError` and `SparkError`."""
        manifest = self.dataset.read_manifest()
        catalogue = self.dataset.read_catalogue(manifest)
        export = ExportSource(self.dataset.url, manifest.parts, catalogue.movie_ids)
        with open_session(self.master) as session:
            yield TrainingData(SparkSource(session, export), catalogue, manifest.catalogue_version)


def read_snapshot(
    database: Database, watch: Callable[[Iterator[Ratings]], Iterator[Ratings]] = iter
) -> tuple[Catalogue, int, UserOrder]:
    """Return the catalogue, its version and the ratings of one moment, the ratings in a temporary file.

    The ratings pass through ``watch`` in the order in which they are stored.
    """
    with database.snapshot() as session:
        reader = RatingsReader(session)
        catalogue, version = reader.read_catalogue(), CatalogueDataManager(session).get_version()
        return catalogue, version, UserOrder(watch(reader.read_rating_chunks()))
