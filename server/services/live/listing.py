"""The columns by which lists of movies are filtered and sorted: a snapshot that a serving process keeps in memory.

Sorting a catalogue in the database takes a hundred times as long as answering a page of it. So each process keeps the
years, genres and orders of all movies, and the numbers and sums of their ratings. A changed catalogue replaces the
snapshot; new ratings move movies within `MAX_AGE_S`. The movies of a page are read from the database.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.backend.packed_columns import pack_integers, unpack_integers
from server.backend.reader import Reader
from server.schemas.movies import SortName
from server.services.live.watch import InstallationState

logger = logging.getLogger(__name__)

MAX_AGE_S = 2.0
"""Read the ratings again if a list has been sorted or filtered by them, at most this often."""

TOP_RATED_VOTES = 50
"""The mean of `top_rated` is shrunk towards the mean of all ratings by this many votes."""

UNKNOWN_YEAR = -1

VERSION = "SELECT coalesce(max(ingestion_id), 0) FROM ingestions"
GENRES = "SELECT genre_id, genre_name FROM genres ORDER BY genre_name, genre_id"
MOVIES = """
SELECT {packed} FROM (
    SELECT movie_id, coalesce(year, -1) AS year, row_number() OVER (ORDER BY sort_title, movie_id) AS place FROM movies
) AS numbered
"""
MOVIE_GENRES = "SELECT {packed} FROM movie_genres"
# Ratings are multiples of one half, so twice a sum is a whole number.
STATISTICS = "SELECT {packed} FROM movie_statistics"

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class MovieTable(NamedTuple):
    """The part of the snapshot that only an ingestion changes. Movies are in ascending order of their ids."""

    movie_ids: Integers
    years: Integers
    """`UNKNOWN_YEAR` if unknown."""
    title_places: Integers
    genres: list[tuple[int, str]]
    """Ids and names, by name."""
    of_genre: Mask
    """Whether a movie has a genre: a row for each genre, a column for each movie."""
    version: int | None
    """The version of the catalogue, or None before the first read."""

    def positions_of(self, movie_ids: Integers) -> Integers:
        """Return the positions of movies, without unknown ones."""
        if not self.movie_ids.size:
            return np.empty(0, np.int64)
        places = np.minimum(np.searchsorted(self.movie_ids, movie_ids), self.movie_ids.size - 1)
        positions: Integers = places[self.movie_ids[places] == movie_ids]
        return positions

    def mask_of(self, movie_ids: Integers) -> Mask:
        """Return which movies are among some."""
        mask = np.zeros(self.movie_ids.size, np.bool_)
        mask[self.positions_of(movie_ids)] = True
        return mask


class ListingSnapshot:
    """All movies with the columns that filter and sort them. Threads may share it."""

    def __init__(self, table: MovieTable, counts: Integers, sums: NDArray[np.float64]) -> None:
        self.table = table
        self.counts = counts
        self.sums = sums
        self._orders: dict[tuple[SortName, bool], Integers] = {}

    def __len__(self) -> int:
        return self.table.movie_ids.size

    def has_same_ratings(self, other: "ListingSnapshot") -> bool:
        """Return whether another snapshot has the same movies and ratings."""
        return (
            self.table is other.table
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.sums, other.sums)
        )

    def order(self, name: SortName, *, is_descending: bool) -> Integers:
        """Return the positions of all movies in an order. There are few orders, so each is computed once."""
        order = self._orders.get((name, is_descending))
        if order is None:
            order = self._orders[name, is_descending] = self._sort(name, is_descending=is_descending)
        return order

    def _sort(self, name: SortName, *, is_descending: bool) -> Integers:
        sign = -1 if is_descending else 1
        unknown_last, keys = self._sort_keys()[name]()
        # Of equal movies the lower id is first, but in the descending order of ids itself.
        by_id = self.table.movie_ids * (sign if name is SortName.ID else 1)
        return np.lexsort((by_id, *(sign * key for key in reversed(keys)), unknown_last))

    def _sort_keys(self) -> dict[SortName, Callable[[], tuple[Mask, list[NDArray[np.generic]]]]]:
        table, is_unrated = self.table, self.counts == 0
        none = np.zeros(len(self), np.bool_)
        return {
            SortName.ID: lambda: (none, []),
            SortName.RELEVANCE: lambda: (none, []),
            SortName.TITLE: lambda: (none, [table.title_places]),
            SortName.YEAR: lambda: (table.years == UNKNOWN_YEAR, [table.years]),
            SortName.POPULARITY: lambda: (none, [self.counts]),
            SortName.RATING: lambda: (is_unrated, [self.sums / np.maximum(self.counts, 1), self.counts]),
            SortName.TOP_RATED: lambda: (is_unrated, [self._shrunk_means(), self.counts]),
        }

    def _shrunk_means(self) -> NDArray[np.float64]:
        mean_of_all = self.sums.sum() / max(1, int(self.counts.sum()))
        means: NDArray[np.float64] = (self.sums + TOP_RATED_VOTES * mean_of_all) / (self.counts + TOP_RATED_VOTES)
        return means


class LiveListing:
    """The snapshot of a serving process, and how it follows the database."""

    def __init__(self, reader: Reader, *, max_age_s: float = MAX_AGE_S) -> None:
        self._reader = reader
        self._max_age_s = max_age_s
        self._read_at = 0.0
        self._was_used = False
        nothing = np.empty(0, np.int64)
        table = MovieTable(nothing, nothing, nothing, [], np.empty((0, 0), np.bool_), version=None)
        self._snapshot = ListingSnapshot(table, nothing, np.empty(0))

    def get(self) -> ListingSnapshot:
        """Return the snapshot."""
        self._was_used = True
        return self._snapshot

    def is_behind(self, state: InstallationState) -> bool:
        """Return whether there is another catalogue."""
        return state.catalogue != self._snapshot.table.version

    def refresh_if_used(self) -> None:
        """Replace an old snapshot that a list has used. Without one nothing is asked."""
        if self._is_outdated():
            self.refresh()

    def refresh(self) -> None:
        """Replace the snapshot if the catalogue has changed, or the ratings and a list has used them.

        Two threads may do so at the same time. The slower one may then put older movies back, together with their
        version, so the next call replaces them again.
        """
        current = self._snapshot
        if _read_version(self._reader) != current.table.version:
            self._snapshot = self._read_snapshot(_read_table(self._reader))
        elif self._is_outdated():
            self._was_used = False
            newer = self._read_snapshot(current.table)
            # The same ratings keep the orders that were computed.
            if not newer.has_same_ratings(current):
                self._snapshot = newer

    def _is_outdated(self) -> bool:
        return self._was_used and time.monotonic() >= self._read_at + self._max_age_s

    def _read_snapshot(self, table: MovieTable) -> ListingSnapshot:
        self._read_at = time.monotonic()
        columns = ("movie_id", "rating_count", "CAST(rating_sum * 2 AS BIGINT)")
        movie_ids, counts, half_stars = _read_integers(self._reader, STATISTICS, columns)
        order = np.argsort(movie_ids)
        if np.array_equal(movie_ids[order], table.movie_ids):
            return ListingSnapshot(table, counts[order], half_stars[order] / 2)
        # An ingestion has committed in between; the next refresh reads its movies.
        known = np.isin(movie_ids, table.movie_ids)
        snapshot = ListingSnapshot(table, np.zeros(table.movie_ids.size, np.int64), np.zeros(table.movie_ids.size))
        places = table.positions_of(movie_ids[known])
        snapshot.counts[places], snapshot.sums[places] = counts[known], half_stars[known] / 2
        return snapshot


def _read_version(reader: Reader) -> int:
    ((version,),) = reader.read(VERSION, {})
    return int(version)


def _read_table(reader: Reader) -> MovieTable:
    version = _read_version(reader)
    movie_ids, years, places = _read_integers(reader, MOVIES, ("movie_id", "year", "place"))
    order = np.argsort(movie_ids)
    table = MovieTable(
        movie_ids[order],
        years[order],
        places[order],
        [(genre_id, name) for genre_id, name in reader.read(GENRES, {})],
        np.empty((0, 0), np.bool_),
        version,
    )
    of_movie, of_genre = _read_integers(reader, MOVIE_GENRES, ("movie_id", "genre_id"))
    rows = [table.mask_of(of_movie[of_genre == genre_id]) for genre_id, _ in table.genres]
    # A replica that had failed may have answered again in between, with an older catalogue.
    return table._replace(
        of_genre=np.array(rows, np.bool_).reshape(len(table.genres), movie_ids.size),
        version=min(version, _read_version(reader)),
    )


def _read_integers(reader: Reader, statement: str, columns: Sequence[str]) -> tuple[Integers, ...]:
    (row,) = reader.read(pack_integers(statement, reader.dialect, *columns), {})
    return unpack_integers(reader.dialect, row)
