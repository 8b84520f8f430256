"""Training: from the ratings in the database to a new version, live if it is not worse."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Select, func, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from threadpoolctl import threadpool_limits

from server.backend.config import Settings
from server.backend.database import Database, driver_connection
from server.backend.model_store import ModelStore
from server.backend.packed_columns import Packed, pack, unpack
from server.backend.prefetch import prefetch
from server.errors import ArtifactError, ConflictError, MatineeError
from server.models import Genre, Movie, MovieGenre, Rating
from server.recommender import artifact
from server.recommender.data.catalogue import UNKNOWN_YEAR, Catalogue
from server.recommender.data.interactions import Interactions, Ratings
from server.recommender.evaluation.comparison import Verdict
from server.recommender.training import train
from server.schemas.base import Paging
from server.services.base import BaseDataManager
from server.services.live.catalogue import CatalogueDataManager
from server.services.recommendation_engine import (
    ModelVersionDataManager,
    RecommendationEngineService,
    TrainingRunDataManager,
)
from server.services.training.promotion import PromotionPolicy

logger = logging.getLogger(__name__)

OnProgress = Callable[[str, float], None]
HEARTBEATS_A_LEASE = 6
ROWS_A_FETCH = 50_000
RATINGS_A_CHUNK = 1 << 16
RATING_COLUMNS = {"user_id": "i8", "movie_id": "i8", "rating": "f4", "rated_at": "i8"}

# The transaction is what makes the statements, one after the other, see one moment; on PostgreSQL it is one statement.
SQLITE_CHUNK = pack(
    "SELECT {packed} FROM ratings WHERE rating_id >= ? AND rating_id < ?", "sqlite", "user_id", "movie_id"
)
RATING_ID_RANGE = "SELECT min(rating_id), max(rating_id) FROM ratings"
POSTGRESQL_CHUNKS = pack(
    """
SELECT packed.*
FROM (SELECT min(rating_id) AS first_id, max(rating_id) AS last_id FROM ratings) AS ends,
generate_series(first_id, last_id, %s) AS start,
LATERAL (
    SELECT {packed} FROM ratings WHERE rating_id >= start AND rating_id < start + %s
) AS packed
""",
    "postgresql",
    "user_id",
    "movie_id",
)
PATIENCE_S = 300

T = TypeVar("T")

Chunk = Mapping[str, np.ndarray[tuple[int], np.dtype[Any]]]
"""The columns of some ratings."""


class Trainer:
    """Carries one run through: read, train, store, enter as a version. Whatever fails, the run ends with a reason."""

    def __init__(self, database: Database, store: ModelStore, settings: Settings) -> None:
        self.database = database
        self.store = store
        self.settings = settings
        self.gatekeeper = PromotionPolicy(database, store)

    def is_needed(self) -> bool:
        """Say whether a training would make something new.

        It would not where the newest version is of the same algorithm and these very ratings, be it live or not, and
        the live one can be read.
        """
        with self.database.transaction(writes=False) as session:
            versions = ModelVersionDataManager(session)
            live, newest = versions.find_active(), versions.list_page(Paging(limit=1))
            ratings = TrainingDataManager(session).summarise()
        if live is None or not self._can_be_read(live.artifact):
            return True
        data = newest[0].data
        was_trained_on = (data.ratings, data.newest_rating, data.catalogue_version)
        return newest[0].algorithm != self.settings.algorithm or was_trained_on != ratings

    def _can_be_read(self, name: str) -> bool:
        try:
            artifact.read_manifest(self.store.opener(name))
        except ArtifactError:
            return False
        return True

    def start_run(self) -> int:
        """Begin a run in this process and give its id. Raises `TrainingInProgress`."""
        with self.database.transaction(writes=True) as session:
            TrainingRunDataManager(session).fail_lost(self.settings.training_lease_s)
            return RecommendationEngineService(session).start_run()

    def carry_out(
        self,
        run_id: int,
        on_progress: OnProgress = lambda _stage, _progress: None,
        *,
        is_to_activate: bool = False,
    ) -> int:
        """Train for a run that is running, and give the new version's number.

        The version goes live if it is not worse than the live one, or if it `is_to_activate` whatever it is like.
        Raises what made it fail, after the run was marked as failed.
        """
        try:
            with Heartbeat(self.database, run_id, self.settings.training_lease_s) as heartbeat:

                def note(stage: str, progress: float) -> None:
                    heartbeat.note(stage, progress)
                    on_progress(stage, progress)

                return self._train(run_id, note, is_to_activate=is_to_activate)
        except BaseException as error:
            self.fail(run_id, _reason(error))
            raise

    def fail(self, run_id: int, reason: str, *, patience_s: float = PATIENCE_S) -> None:
        """End a run as failed, unless it has ended."""

        def write() -> None:
            with self.database.transaction(writes=True) as session:
                TrainingRunDataManager(session).fail(run_id, reason)

        _retry_until(write, patience_s)

    def _train(self, run_id: int, on_progress: OnProgress, *, is_to_activate: bool) -> int:
        started = time.monotonic()
        on_progress("reading", 0.0)
        with self.database.transaction(writes=False) as session:
            data = TrainingDataManager(session)
            catalogue = data.read_catalogue()
            # Not kept as they were read: very many take as much memory as all else.
            interactions = Interactions.from_ratings(data.read_ratings(), catalogue.movie_ids)
            catalogue_version = CatalogueDataManager(session).get_version()
        with threadpool_limits(self.settings.training_threads):
            training = train(
                interactions,
                catalogue,
                algorithm=self.settings.algorithm,
                seed=self.settings.seed,
                memory_mb=self.settings.model_memory_mb,
                on_progress=on_progress,
            )
            on_progress("comparing", 0.95)
            verdict = self.gatekeeper.judge(training)
        if is_to_activate and not verdict.accepted:
            verdict = Verdict(accepted=True, reason=f"It was to go live whatever it is like. {verdict.reason}")
        on_progress("storing", 0.99)
        with self.store.publish(f"run-{run_id}") as (name, open_file):
            artifact.save(training.model, training.holdout, open_file)
        values = training.model.card.model_dump(mode="json")
        values["data"]["catalogue_version"] = catalogue_version
        return self._enter(run_id, name, values | {"duration_s": time.monotonic() - started}, verdict)

    def _enter(self, run_id: int, name: str, values: dict[str, Any], verdict: Verdict) -> int:
        """Enter a stored model as a new version; an artifact that gets no version is removed."""
        values |= {"size_bytes": self.store.size_bytes(name), "artifact": name}

        def write() -> int:
            with self.database.transaction(writes=True) as session:
                return RecommendationEngineService(session).complete_run(run_id, values, verdict)

        try:
            return _retry_until(write, PATIENCE_S)
        except BaseException:
            # A COMMIT may have done its work though its answer was lost. In doubt the artifact stays; prune sweeps.
            with suppress(SQLAlchemyError), self.database.transaction(writes=False) as session:
                if name not in ModelVersionDataManager(session).list_artifacts():
                    self.store.remove(name)
            raise


class Heartbeat:
    """Tells the database, from a thread of its own, that a run is alive and how far it is."""

    def __init__(self, database: Database, run_id: int, lease_s: float) -> None:
        self.database = database
        self.run_id = run_id
        self.interval_s = min(1.0, lease_s / HEARTBEATS_A_LEASE)
        self._state = ("starting", 0.0)
        self._lost = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def note(self, stage: str, progress: float) -> None:
        """Say how far the run is. Raises `ConflictError` where it was given up meanwhile."""
        self._state = (stage, progress)
        if self._lost:
            raise ConflictError(f"Training run {self.run_id} was given up before it ended.")

    def _beat_on(self) -> None:
        while not self._stopped.is_set():
            try:
                with self.database.transaction(writes=True) as session:
                    self._lost = not TrainingRunDataManager(session).beat(self.run_id, *self._state)
            except SQLAlchemyError:
                logger.warning("training run %d could not reach the database; it tries again", self.run_id)
            self._stopped.wait(self.interval_s)


class TrainingDataManager(BaseDataManager):
    """Reads what a training needs, straight into arrays."""

    def summarise(self) -> tuple[int, datetime | None, int]:
        """Give the number of ratings, the newest one's time, and the catalogue's version."""
        newest = self.session.scalar(select(func.max(Rating.rated_at)))
        count = self.session.scalar(select(func.count()).select_from(Rating)) or 0
        return count, newest, CatalogueDataManager(self.session).get_version()

    def read_ratings(self) -> Ratings:
        """Read all ratings as columns; next to these there is never more than a small part of them in memory."""
        columns = {name: np.empty(0, kind) for name, kind in RATING_COLUMNS.items()}
        for chunk in self._read_rating_chunks():
            for name, column in columns.items():
                start = column.size
                # In place, where the system moves the pages instead of their content. No view can be left behind.
                column.resize(start + len(chunk[name]), refcheck=False)
                column[start:] = chunk[name]
        return Ratings(columns["user_id"], columns["movie_id"], columns["rating"], columns["rated_at"])

    def _read_rating_chunks(self) -> Iterator[Chunk]:
        """Yield the columns of some ratings at a time, all of one moment."""
        with closing(self._driver_cursor()) as cursor:
            if self.dialect == "sqlite":
                packed = _sqlite_chunks(cursor)
            else:
                cursor.itersize = 1
                cursor.execute(POSTGRESQL_CHUNKS, [RATINGS_A_CHUNK] * 2)
                packed = iter(cursor)
            # The database is at work on the next chunk meanwhile, and Python leaves it alone.
            for row in prefetch(packed):
                yield dict(zip(RATING_COLUMNS, unpack(self.dialect, row), strict=True))

    def read_movie_ids(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Read the ids of the whole catalogue, ascending: int64[movies]."""
        rows = self._read(select(Movie.movie_id).order_by(Movie.movie_id), np.dtype([("movie", "i8")]))
        return np.ascontiguousarray(rows["movie"])

    def read_catalogue(self) -> Catalogue:
        """Read all movies, with their years and genres."""
        year = func.coalesce(Movie.year, UNKNOWN_YEAR)
        movies = self._read(
            select(Movie.movie_id, year).order_by(Movie.movie_id), np.dtype([("movie", "i8"), ("year", "i2")])
        )
        names = self.session.execute(select(Genre.genre_id, Genre.genre_name).order_by(Genre.genre_id)).all()
        pairs = self._read(
            select(MovieGenre.movie_id, MovieGenre.genre_id), np.dtype([("movie", "i8"), ("genre", "i8")])
        )
        genres = np.zeros((movies.size, len(names)), np.bool_)
        columns = np.searchsorted(np.array([genre_id for genre_id, _ in names], np.int64), pairs["genre"])
        genres[np.searchsorted(movies["movie"], pairs["movie"]), columns] = True
        return Catalogue(
            movie_ids=np.ascontiguousarray(movies["movie"]),
            years=np.ascontiguousarray(movies["year"]),
            genres=genres,
            genre_names=np.array([name for _, name in names], np.str_),
        )

    def _read(
        self, statement: Select[*tuple[Any, ...]], dtype: np.dtype[np.void]
    ) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        # The driver's own tuples go into the array one by one: no list of rows is ever in memory.
        connection = self.session.connection()
        with closing(self._driver_cursor()) as cursor:
            cursor.execute(str(statement.compile(connection, compile_kwargs={"literal_binds": True})))
            return np.fromiter(cursor, dtype)

    def _driver_cursor(self) -> Any:  # noqa: ANN401 (each driver has a class of its own)
        driver = driver_connection(self.session)
        if self.dialect == "sqlite":
            return driver.cursor()
        # PostgreSQL sends all rows at once unless the cursor has a name.
        cursor = driver.cursor("training", binary=True)
        cursor.itersize = ROWS_A_FETCH
        return cursor


def _sqlite_chunks(cursor: sqlite3.Cursor) -> Iterator[Packed]:
    first_id, last_id = cursor.execute(RATING_ID_RANGE).fetchone()
    for start in range(first_id or 0, (last_id or -1) + 1, RATINGS_A_CHUNK):
        yield cursor.execute(SQLITE_CHUNK, [start, start + RATINGS_A_CHUNK]).fetchone()


def _retry_until(write: Callable[[], T], patience_s: float) -> T:
    """Write, and where the database does not let us, as while an ingestion holds it, try again for a while."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return write()
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def _reason(error: BaseException) -> str:
    if isinstance(error, MatineeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"The model could not be stored: {error.strerror}."
    if isinstance(error, SQLAlchemyError):
        logger.error("the database failed a training: %s", error)
        return "The database could not be read or written; the server's log says more."
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "The training was interrupted."
    if isinstance(error, MemoryError):
        return "The training needs more memory than there is."
    logger.error("a training failed unexpectedly", exc_info=error)
    return "The training failed unexpectedly; the server's log says more."
