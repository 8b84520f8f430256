"""The search index that a serving process keeps in memory, and how it follows the database."""

import gc
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar

from sqlalchemy import Select, delete, func, select
from sqlalchemy.exc import IntegrityError

from server.backend.database import Database
from server.models import AlternativeTitle, Genre, Ingestion, Movie, MovieGenre, MovieStatistics, StoredIndex
from server.schemas import movies as schemas
from server.search import storage
from server.search.index import SearchDocument, SearchIndex, build_index
from server.services.base import BaseDataManager

logger = logging.getLogger(__name__)

MOST_TOTALS = 1_000
MOST_DESCRIPTIONS = 10_000


KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class VersionedCache(Generic[KeyT, ValueT]):
    """What only depends on the catalogue, for as long as that is of one version. Threads may share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of_version: tuple[int, dict[KeyT, ValueT]] = (0, {})

    def of(self, version: int) -> dict[KeyT, ValueT]:
        """Give what is remembered of a version, to be added to; nothing of another one, or where it has become much."""
        known, values = self._of_version
        if known != version or len(values) >= self._most:
            values = {}
            self._of_version = (version, values)
        return values


class Description(NamedTuple):
    """What there is to say of a movie, but for its ratings."""

    title: str
    alternative_titles: list[str]
    year: int | None
    genres: list[schemas.Genre]


class LiveCatalogue:
    """The search index of the catalogue's newest version."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.index = build_index([])
        self.totals: VersionedCache[str, int] = VersionedCache(MOST_TOTALS)
        """How many movies fit filters."""
        self.descriptions: VersionedCache[int, Description] = VersionedCache(MOST_DESCRIPTIONS)
        """What there is to say of movies by id, but for their ratings; a few megabytes."""
        self._version: int | None = None
        self._is_stored = True

    def refresh(self) -> None:
        """Have another index where an ingestion has changed the catalogue; searches go on meanwhile.

        One that nobody has stored yet is built, and stored the next time: nobody should wait for it.
        """
        with self.database.transaction(writes=False) as session:
            catalogue = CatalogueDataManager(session)
            version = catalogue.get_version()
            is_another = version != self._version
            if is_another:
                self._swap_in(version, catalogue)
        if not is_another and not self._is_stored:
            self.store()

    def store(self) -> None:
        """Store the index for processes that start."""
        if self._version is not None and not self._is_stored:
            self._is_stored = True
            _store(self.database, self._version, self.index)

    def _swap_in(self, version: int, catalogue: "CatalogueDataManager") -> None:
        stored = catalogue.find_index(version)
        self.index = stored or _build(catalogue)
        self._version, self._is_stored = version, stored is not None or version == 0
        what_was_done = "built" if stored is None else "read"
        logger.info("search index of %d movies %s, catalogue version %d", len(self.index), what_was_done, version)


def store_index(database: Database) -> None:
    """Store the index of the catalogue's newest version, unless that is done: who starts then only reads it."""
    with database.transaction(writes=False) as session:
        catalogue = CatalogueDataManager(session)
        version = catalogue.get_version()
        if version == 0 or catalogue.find_index(version) is not None:
            return
        index = _build(catalogue)
    _store(database, version, index)


def _build(catalogue: "CatalogueDataManager") -> SearchIndex:
    with garbage_kept():
        return build_index(catalogue.list_documents())


def _store(database: Database, version: int, index: SearchIndex) -> None:
    content = storage.pack(index)
    try:
        with database.transaction(writes=True) as session:
            CatalogueDataManager(session).store_index(version, content)
    except IntegrityError:
        logger.info("another process was first to store the search index")


@contextmanager
def garbage_kept() -> Iterator[None]:
    """Make many objects without looking for garbage among them, which would take a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class CatalogueDataManager(BaseDataManager):
    """SQL of the catalogue as a whole."""

    def get_version(self) -> int:
        """Give the catalogue's version; 0 before the first ingestion."""
        return self.session.scalar(select(func.max(Ingestion.ingestion_id))) or 0

    def find_index(self, version: int) -> SearchIndex | None:
        """Give the index that is stored of this version, with the popularity of now."""
        fitting = (StoredIndex.ingestion_id == version, StoredIndex.layout == storage.LAYOUT)
        content = self.session.scalar(select(StoredIndex.content).where(*fitting))
        if content is None:
            return None
        try:
            index = storage.unpack(content)
        except ValueError:
            logger.exception("the stored search index cannot be read and is built anew")
            return None
        ratings = select(MovieStatistics.movie_id, MovieStatistics.rating_count)
        return index.with_popularity(dict(iter(self.session.connection().execute(ratings))))

    def store_index(self, version: int, content: bytes) -> None:
        """Store the index of a version instead of all others. Raises `IntegrityError` if another process does so."""
        self.session.execute(delete(StoredIndex))
        self.session.add(StoredIndex(ingestion_id=version, layout=storage.LAYOUT, content=content))
        self.session.flush()

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
