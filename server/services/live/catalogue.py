"""The search index of a serving process, and how it follows the database."""

import gc
import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Select, delete, func, select
from sqlalchemy.exc import IntegrityError

from server.backend.database import Database
from server.models import (
    AlternativeTitle,
    Genre,
    Ingestion,
    Movie,
    MovieGenre,
    MovieStatistics,
    MovieTag,
    StoredIndex,
    Tag,
)
from server.search import storage
from server.search.index import SearchDocument, SearchIndex, build_index, build_index_in_order, read_documents
from server.search.sealed import is_intact
from server.services.base import BaseDataManager
from server.services.live.popularity import SNAPSHOT_INTERVAL, PopularityDataManager, take_snapshot
from server.services.live.searches import RecentSearches
from server.services.live.watch import InstallationState

logger = logging.getLogger(__name__)

MAX_TAGS = 100
"""At most this many tags of a movie are searchable, those most often used; the rest is noise and memory."""

DOCUMENTS_AT_A_TIME = 20_000
"""Movies whose texts are read at a time: each takes about a kilobyte."""


class LiveCatalogue:
    """The search index of the catalogue's newest version."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.searches = RecentSearches(build_index([]))
        self._version: int | None = None
        self._popularity_version: int | None = None
        self._is_stored = True
        self._is_popularity_damaged = False
        self._next_snapshot_at = 0.0

    @property
    def index(self) -> SearchIndex:
        """The index of this moment."""
        return self.searches.index

    def refresh(self) -> None:
        """Replace the index if the catalogue or the popularity has changed. Searches continue meanwhile.

        An index that is not stored yet is built now and stored by the next call, so that no request waits for it. The
        popularity is stored again from time to time.
        """
        has_changed = self.database.read_catalogue(
            lambda session: self._follow(CatalogueDataManager(session), PopularityDataManager(session))
        )
        if not has_changed:
            self.store()
            self._take_snapshot_if_due()

    def is_behind(self, state: InstallationState) -> bool:
        """Return whether there is another catalogue or popularity, or something to store."""
        has_changed = (state.catalogue, state.popularity) != (self._version, self._popularity_version)
        return has_changed or not self._is_stored or time.monotonic() >= self._next_snapshot_at

    def store(self) -> None:
        """Store the index for processes that start later."""
        if self._version is not None and not self._is_stored:
            self._is_stored = True
            _store(self.database, self._version, storage.pack(self.index))

    def _follow(self, catalogue: "CatalogueDataManager", popularity: PopularityDataManager) -> bool:
        """Replace the index if the database has another version, and return whether it has."""
        version, popularity_version = catalogue.get_version(), popularity.find_version()
        if (version, popularity_version) == (self._version, self._popularity_version):
            return False
        index = self.index
        if version != self._version:
            index = self._get_index(version, catalogue)
            self._next_snapshot_at = 0.0
        snapshot = popularity.find_snapshot()
        self._is_popularity_damaged = snapshot is None and popularity_version is not None
        self.searches = RecentSearches(index.with_popularity(snapshot or popularity.count_ratings()))
        self._version, self._popularity_version = version, popularity_version
        return True

    def _get_index(self, version: int, catalogue: "CatalogueDataManager") -> SearchIndex:
        stored = catalogue.find_index(version)
        index = stored or _build(catalogue)
        self._is_stored = stored is not None or version == 0
        origin = "built" if stored is None else "loaded"
        logger.info("search index %s: %d movies, catalogue version %d", origin, len(index), version)
        return index

    def _take_snapshot_if_due(self) -> None:
        if time.monotonic() >= self._next_snapshot_at:
            self._next_snapshot_at = time.monotonic() + SNAPSHOT_INTERVAL.total_seconds()
            take_snapshot(self.database, min_age=SNAPSHOT_INTERVAL, is_damaged=self._is_popularity_damaged)


def store_index(database: Database) -> None:
    """Store the index and the popularity of the newest version, unless they are stored. Servers then only load them.

    The index is not laid out for that, so a large catalogue takes less memory here than in a server.
    """
    take_snapshot(database)
    with database.transaction(writes=False) as session:
        catalogue = CatalogueDataManager(session)
        version = catalogue.get_version()
        if version == 0 or catalogue.has_index(version):
            return
        with garbage_collection_paused():
            contents = read_documents(catalogue.documents())
    _store(database, version, storage.pack_contents(contents))


def _build(catalogue: "CatalogueDataManager") -> SearchIndex:
    with garbage_collection_paused():
        return build_index_in_order(catalogue.documents())


def _store(database: Database, version: int, content: bytes) -> None:
    try:
        with database.transaction(writes=True) as session:
            CatalogueDataManager(session).store_index(version, content)
    except IntegrityError:
        logger.info("another process has stored the search index first")


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pause garbage collection while many objects are created; it would take a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class CatalogueDataManager(BaseDataManager):
    """SQL queries of the whole catalogue."""

    def get_version(self) -> int:
        """Return the version of the catalogue; 0 before the first ingestion."""
        return self.session.scalar(select(func.max(Ingestion.ingestion_id))) or 0

    def find_index(self, version: int) -> SearchIndex | None:
        """Return the stored index of a version, without popularity; None if there is none or it is damaged."""
        content = self._find_content(version)
        if content is None:
            return None
        try:
            return storage.unpack(content)
        except ValueError:
            logger.exception("the stored search index is damaged; building it again")
            return None

    def has_index(self, version: int) -> bool:
        """Return whether the index of a version is stored and not damaged."""
        content = self._find_content(version)
        return content is not None and is_intact(content)

    def _find_content(self, version: int) -> bytes | None:
        fitting = (StoredIndex.ingestion_id == version, StoredIndex.layout == storage.LAYOUT)
        return self.session.scalar(select(StoredIndex.content).where(*fitting))

    def store_index(self, version: int, content: bytes) -> None:
        """Replace the stored index. Raise `IntegrityError` if another process does the same."""
        self.session.execute(delete(StoredIndex))
        self.session.add(StoredIndex(ingestion_id=version, layout=storage.LAYOUT, content=content))
        self.session.flush()

    def documents(self) -> Iterator[SearchDocument]:
        """Yield the searchable text of all movies by ascending id; few of them are in memory at a time."""
        last = self.session.scalar(select(func.max(Movie.movie_id)))
        start = self.session.scalar(select(func.min(Movie.movie_id)))
        while last is not None and start is not None:
            following = self._find_following(start, DOCUMENTS_AT_A_TIME)
            yield from self._documents(start, last if following is None else following - 1)
            start = following

    def _find_following(self, start: int, movies: int) -> int | None:
        """Return the id of the first movie after some movies from a start; None if there are no more."""
        ids = select(Movie.movie_id).where(Movie.movie_id >= start).order_by(Movie.movie_id)
        return self.session.scalar(ids.offset(movies).limit(1))

    def _documents(self, first: int, last: int) -> Iterator[SearchDocument]:
        """Yield the movies with ids in a range."""
        titles = self._grouped(
            select(AlternativeTitle.movie_id, AlternativeTitle.title)
            .where(AlternativeTitle.movie_id.between(first, last))
            .order_by(AlternativeTitle.position)
        )
        genres = self._grouped(
            select(MovieGenre.movie_id, Genre.genre_name)
            .join(Genre)
            .where(MovieGenre.movie_id.between(first, last))
            .order_by(Genre.genre_name)
        )
        tags = self._grouped(
            select(MovieTag.movie_id, Tag.tag_name)
            .join(Tag)
            .where(MovieTag.movie_id.between(first, last))
            .order_by(MovieTag.movie_id, MovieTag.tag_count.desc(), Tag.tag_id)
        )
        movies = self.session.connection().execute(
            select(Movie.movie_id, Movie.title, Movie.year, MovieStatistics.rating_count)
            .join(MovieStatistics)
            .where(Movie.movie_id.between(first, last))
            .order_by(Movie.movie_id)
        )
        for movie_id, title, year, popularity in movies:
            yield SearchDocument(
                movie_id=movie_id,
                title=title,
                alternative_titles=tuple(titles.get(movie_id, ())),
                year=year,
                genres=tuple(genres.get(movie_id, ())),
                popularity=popularity,
                tags=tuple(tags.get(movie_id, ())[:MAX_TAGS]),
            )

    def _grouped(self, statement: Select[int, str]) -> dict[int, list[str]]:
        texts: dict[int, list[str]] = defaultdict(list)
        # On the connection: the session would look for entities among the columns of several hundred thousand rows.
        for movie_id, text in self.session.connection().execute(statement):
            texts[movie_id].append(text)
        return texts
