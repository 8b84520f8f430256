"""Ratings of any number in the order of users, with bounded memory: an external merge sort."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.ratings import Ratings
from server.recommender.data.temporary_files import reporting_full_disk

RUN_RATINGS = 2_000_000
"""Ratings that are sorted in memory at a time."""

PIECE_RATINGS = 500_000
"""Ratings in a piece of whole users, about."""

ALIGNMENT = 8

COLUMNS = (("user_ids", np.int64), ("movie_ids", np.int64), ("ratings", np.float32), ("rated_at", np.int64))


class UserOrder:
    """Sorts ratings by user in a temporary file, which takes 28 bytes a rating and is gone with the process.

    Ratings come in the order of a database, which is mostly that of users: then runs hardly overlap.
    """

    def __init__(self, chunks: Iterable[Ratings]) -> None:
        """Read all chunks. Raise `SettingsError` if the disk is full."""
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._counts = _UserCounts(np.empty(0, np.int64), np.empty(0, np.int64))
        try:
            self._runs = [self._write_run(_sorted_by_user(run)) for run in _gather(chunks, RUN_RATINGS)]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def pieces(self) -> Iterator[Ratings]:
        """Yield the ratings in pieces of whole users, by user; once."""
        for last_user in self._counts.last_users(PIECE_RATINGS):
            parts = [part for run in self._runs if len(part := run.read_up_to(last_user))]
            yield parts[0] if len(parts) == 1 else _sorted_by_user(Ratings.concatenate(parts))

    def _write_run(self, ratings: Ratings) -> "_Run":
        self._counts = self._counts.plus(ratings.user_ids)
        # The users are mapped into memory as aligned numbers.
        start = self._file.seek(-(-self._file.tell() // ALIGNMENT) * ALIGNMENT)
        with reporting_full_disk():
            for name, kind in COLUMNS:
                getattr(ratings, name).astype(kind, copy=False).tofile(self._file)
            self._file.flush()
        return _Run(self._file, start, len(ratings), int(ratings.user_ids[0]))


@dataclass(frozen=True, eq=False)
class _UserCounts:
    ids: NDArray[np.int64]
    counts: NDArray[np.int64]

    def plus(self, user_ids: NDArray[np.int64]) -> "_UserCounts":
        """Count more ratings."""
        new, counts = np.unique(user_ids, return_counts=True)
        ids, places = np.unique(np.concatenate([self.ids, new]), return_inverse=True)
        sums = np.bincount(places, np.concatenate([self.counts, counts]), ids.size)
        return _UserCounts(ids, sums.astype(np.int64))

    def last_users(self, n_ratings: int) -> list[int]:
        """Return the last user of each piece with about this number of ratings."""
        pieces = np.cumsum(self.counts) // n_ratings
        is_last = np.append(np.diff(pieces) > 0, True)[: self.ids.size]
        return [int(user) for user in self.ids[is_last]]


class _Run:
    """A part of the file, sorted by user and read once from its beginning."""

    def __init__(self, file: IO[bytes], start: int, size: int, first_user: int) -> None:
        self._file, self._start, self._size = file, start, size
        self._next, self._next_user = 0, first_user
        self._users = np.memmap(file, np.int64, "r", offset=start, shape=(size,))

    def read_up_to(self, last_user: int) -> Ratings:
        """Read the ratings up to and with this user that were not read before."""
        if self._next_user > last_user:
            return Ratings.concatenate([])
        end = int(np.searchsorted(self._users, last_user, side="right"))
        columns: list[NDArray[Any]] = []
        start = self._start
        for _, kind in COLUMNS:
            width = np.dtype(kind).itemsize
            self._file.seek(start + self._next * width)
            columns.append(np.fromfile(self._file, kind, end - self._next))
            start += self._size * width
        self._next = end
        self._next_user = int(self._users[end]) if end < self._size else np.iinfo(np.int64).max
        return Ratings(*columns)


def whole_users(chunks: Iterable[Ratings]) -> Iterator[Ratings]:
    """Cut ratings that come by user between two users. Raise `ValueError` if they do not come by user."""
    waiting = Ratings.concatenate([])
    for chunk in chunks:
        if len(chunk) == 0:
            continue
        last = waiting.user_ids[-1:]
        if (np.diff(np.append(last, chunk.user_ids)) < 0).any():
            raise ValueError("The ratings are not in the order of users.")
        together = Ratings.concatenate([waiting, chunk])
        cut = int(np.searchsorted(together.user_ids, together.user_ids[-1]))
        waiting = together.rows(slice(cut, None))
        if cut:
            yield together.rows(slice(0, cut))
    if len(waiting):
        yield waiting


def _gather(chunks: Iterable[Ratings], n_ratings: int) -> Iterator[Ratings]:
    """Yield runs of about this number of ratings."""
    parts: list[Ratings] = []
    for chunk in chunks:
        parts.append(chunk)
        if sum(map(len, parts)) >= n_ratings:
            yield Ratings.concatenate(parts)
            parts.clear()
    if any(map(len, parts)):
        yield Ratings.concatenate(parts)


def _sorted_by_user(ratings: Ratings) -> Ratings:
    if (np.diff(ratings.user_ids) >= 0).all():
        return ratings
    order = np.argsort(ratings.user_ids, kind="stable")
    return ratings.rows(order)
