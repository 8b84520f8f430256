"""Reads what a training needs, straight into arrays."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from server.backend.database import driver_connection
from server.backend.packed_columns import Packed, pack, unpack
from server.backend.prefetch import prefetch
from server.models import Genre, Movie, MovieGenre, Rating
from server.recommender.data.catalogue import UNKNOWN_YEAR, Catalogue
from server.recommender.data.ratings import Ratings
from server.services.base import BaseDataManager
from server.services.live.catalogue import CatalogueDataManager

RATING_COLUMNS = {"user_id": "i8", "movie_id": "i8", "rating": "f4", "rated_at": "i8"}
RATING_IDS_PER_CHUNK = 1 << 16
ROWS_PER_FETCH = 50_000

# SQLite reads one chunk per statement; the transaction makes all of them see the same state. PostgreSQL reads all
# chunks with one statement.
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

Chunk = Mapping[str, np.ndarray[tuple[int], np.dtype[Any]]]
"""The columns of some ratings."""


class RatingsReader(BaseDataManager):
    """SQL that reads all ratings and the whole catalogue."""

    def __init__(
        self,
        session: Session,
        *,
        rating_ids_per_chunk: int = RATING_IDS_PER_CHUNK,
        rows_per_fetch: int = ROWS_PER_FETCH,
    ) -> None:
        super().__init__(session)
        self.rating_ids_per_chunk = rating_ids_per_chunk
        self.rows_per_fetch = rows_per_fetch

    def summarise(self) -> tuple[int, datetime | None, int]:
        """Return the number of ratings, the time of the newest one, and the version of the catalogue."""
        newest = self.session.scalar(select(func.max(Rating.rated_at)))
        count = self.session.scalar(select(func.count()).select_from(Rating)) or 0
        return count, newest, CatalogueDataManager(self.session).get_version()

    def read_ratings(self) -> Ratings:
        """Read all ratings as columns. Beside the columns, memory holds only a small chunk of rows at any time."""
        columns = {name: np.empty(0, kind) for name, kind in RATING_COLUMNS.items()}
        for chunk in self._read_chunks():
            for name, column in columns.items():
                start = column.size
                # Resizing in place lets the system move pages instead of copying them. No view may exist.
                column.resize(start + len(chunk[name]), refcheck=False)
                column[start:] = chunk[name]
        return Ratings(columns["user_id"], columns["movie_id"], columns["rating"], columns["rated_at"])

    def read_rating_chunks(self) -> Iterator[Ratings]:
        """Yield all ratings in small parts, in the order in which they are stored."""
        for chunk in self._read_chunks():
            yield Ratings(*(chunk[name].astype(kind, copy=False) for name, kind in RATING_COLUMNS.items()))

    def _read_chunks(self) -> Iterator[Chunk]:
        """Yield the columns of some ratings at a time, all of one snapshot."""
        with closing(self._driver_cursor()) as cursor:
            if self.dialect == "sqlite":
                packed = self._sqlite_chunks(cursor)
            else:
                cursor.itersize = 1
                cursor.execute(POSTGRESQL_CHUNKS, [self.rating_ids_per_chunk] * 2)
                packed = iter(cursor)
            # The database prepares the next chunk without holding the GIL.
            for row in prefetch(packed):
                yield dict(zip(RATING_COLUMNS, unpack(self.dialect, row), strict=True))

    def _sqlite_chunks(self, cursor: sqlite3.Cursor) -> Iterator[Packed]:
        first_id, last_id = cursor.execute(RATING_ID_RANGE).fetchone()
        for start in range(first_id or 0, (last_id or -1) + 1, self.rating_ids_per_chunk):
            yield cursor.execute(SQLITE_CHUNK, [start, start + self.rating_ids_per_chunk]).fetchone()

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
        # NumPy consumes the driver's tuples one by one, so no list of rows is ever in memory.
        connection = self.session.connection()
        with closing(self._driver_cursor()) as cursor:
            cursor.execute(str(statement.compile(connection, compile_kwargs={"literal_binds": True})))
            return np.fromiter(cursor, dtype)

    def _driver_cursor(self) -> Any:  # noqa: ANN401 (each driver has its own class)
        driver = driver_connection(self.session)
        if self.dialect == "sqlite":
            return driver.cursor()
        # PostgreSQL sends all rows at once unless the cursor has a name.
        cursor = driver.cursor("training", binary=True)
        cursor.itersize = self.rows_per_fetch
        return cursor
