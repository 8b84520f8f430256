"""What a serving process keeps in memory, and how it follows the database: the search index and the live model."""

import gc
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Select, func, select

from server.backend.model_store import ModelStore
from server.backend.session import Database
from server.errors import ArtifactError, NoActiveModel
from server.models import AlternativeTitle, Genre, Ingestion, Movie, MovieGenre, MovieStatistics
from server.recommender import artifact
from server.recommender.model import TrainedModel
from server.search.index import SearchDocument, SearchIndex
from server.services.base import BaseDataManager
from server.services.recommendation_engine import ModelVersionDataManager

logger = logging.getLogger(__name__)

# A live version that cannot be read is tried again so often: the store may only be slow to show it.
RETRY_S = 10

MOST_TOTALS = 1_000


class Totals:
    """How many movies fit filters, for as long as the catalogue is of one version. Threads may share it."""

    def __init__(self) -> None:
        self._of_version: tuple[int, dict[str, int]] = (0, {})

    def get(self, version: int, filters: str, count: Callable[[], int]) -> int:
        """Give a total in this version of the catalogue, counted where it was not asked for before."""
        if self._of_version[0] != version:
            self._of_version = (version, {})
        totals = self._of_version[1]
        if (total := totals.get(filters)) is None:
            if len(totals) >= MOST_TOTALS:
                totals.clear()
            total = totals[filters] = count()
        return total


class LiveCatalogue:
    """The search index of the catalogue's newest version."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.index = SearchIndex([])
        self.movies = 0
        """Movies in the index."""
        self.totals = Totals()
        self._version: int | None = None

    def refresh(self) -> None:
        """Build the index anew where an ingestion has changed the catalogue; searches go on meanwhile."""
        with self.database.transaction(writes=False) as session:
            catalogue = CatalogueDataManager(session)
            version = catalogue.get_version()
            if version == self._version:
                return
            with garbage_kept():
                documents = catalogue.list_documents()
                self.index = SearchIndex(documents)
        self.movies, self._version = len(documents), version
        logger.info("search index of %d movies built, catalogue version %d", len(documents), version)


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Make many objects without looking for garbage among them, which would take a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class LiveModel:
    """The live model version, once the process has it."""

    def __init__(self, database: Database, store: ModelStore) -> None:
        self.database = database
        self.store = store
        self.problem: str | None = None
        """Why the version that should be live is not."""
        self._served: tuple[int, TrainedModel] | None = None
        self._failed_version: int | None = None
        self._retry_at = 0.0
        # Two refreshes at once would hold the new model in memory twice.
        self._lock = threading.Lock()

    @property
    def version(self) -> int | None:
        """The version that serves."""
        return None if self._served is None else self._served[0]

    def get(self) -> TrainedModel:
        """Give the model that serves. Raises `NoActiveModel` before the first, `ArtifactError` if unreadable."""
        if self._served is not None:
            return self._served[1]
        if self.problem is not None:
            raise ArtifactError(self.problem)
        raise NoActiveModel

    def refresh(self) -> None:
        """Swap the live version in where it has changed.

        One that cannot be read leaves the previous one serving; a process that has none yet takes the newest that can.
        """
        with self._lock:
            with self.database.transaction(writes=False) as session:
                active = ModelVersionDataManager(session).find_active()
            if active is None or active.version == self.version:
                self.problem = None
            elif active.version != self._failed_version or time.monotonic() >= self._retry_at:
                self._load(active.version, active.artifact)

    def _load(self, version: int, name: str) -> None:
        try:
            self._served = (version, artifact.load(self.store.opener(name)))
        except ArtifactError as error:
            self.problem = f"Model version {version} cannot be read. {error}"
            self._failed_version, self._retry_at = version, time.monotonic() + RETRY_S
            logger.error("%s", self.problem, exc_info=error.__cause__)
            if self._served is None:
                self._serve_predecessor(version)
            return
        self.problem = None
        logger.info("model version %d is live", version)

    def _serve_predecessor(self, of_version: int) -> None:
        with self.database.transaction(writes=False) as session:
            predecessors = ModelVersionDataManager(session).list_once_live(of_version)
        for version, name in predecessors:
            with suppress(ArtifactError):
                self._served = (version, artifact.load(self.store.opener(name)))
                logger.warning("model version %d serves in the place of version %d", version, of_version)
                return


class CatalogueDataManager(BaseDataManager):
    """SQL of the catalogue as a whole."""

    def get_version(self) -> int:
        """Give the catalogue's version; 0 before the first ingestion."""
        return self.session.scalar(select(func.max(Ingestion.ingestion_id))) or 0

    def list_documents(self) -> list[SearchDocument]:
        """Read what a search looks through."""
        titles = self._grouped(
            select(AlternativeTitle.movie_id, AlternativeTitle.title).order_by(AlternativeTitle.position)
        )
        genres = self._grouped(select(MovieGenre.movie_id, Genre.genre_name).join(Genre).order_by(Genre.genre_name))
        movies = self.session.connection().execute(
            select(Movie.movie_id, Movie.title, Movie.year, MovieStatistics.rating_count).join(MovieStatistics)
        )
        return [
            SearchDocument(
                movie_id=movie_id,
                title=title,
                alternative_titles=tuple(titles.get(movie_id, ())),
                year=year,
                genres=tuple(genres.get(movie_id, ())),
                popularity=popularity,
            )
            for movie_id, title, year, popularity in movies
        ]

    def _grouped(self, statement: Select[int, str]) -> dict[int, list[str]]:
        texts: dict[int, list[str]] = defaultdict(list)
        # Past the session, which would look for entities among the columns of some hundred thousand rows.
        for movie_id, text in self.session.connection().execute(statement):
            texts[movie_id].append(text)
        return texts
