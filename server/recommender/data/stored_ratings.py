"""Ratings in a temporary file: for trainings on more ratings than fit into memory."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.interactions import BLOCK_RATINGS, Arrays, Interactions, Kernel, Source, Step, UserColumns
from server.recommender.data.positions import index_of
from server.recommender.data.temporary_files import reporting_full_disk


class BlockSource(Source):
    """A source that one process reads piece by piece."""

    @abstractmethod
    def pieces(self) -> Iterator[Interactions]:
        """Yield all users in pieces of any size."""

    def blocks(self) -> Iterator[Interactions]:
        """Yield all users in blocks of about ``BLOCK_RATINGS`` ratings: what sums cost grows with their number."""
        parts: list[Interactions] = []
        for piece in self.pieces():
            parts.append(piece)
            if sum(part.items.size for part in parts) >= BLOCK_RATINGS:
                block = Interactions.concatenate(parts)
                parts.clear()
                yield block
        if parts:
            yield Interactions.concatenate(parts)

    def total(self, kernel: Kernel) -> Arrays:
        """Sum a kernel over the blocks."""
        totals = kernel.zeros()
        for block in self.blocks():
            kernel.add(totals, block)
        return totals

    def per_user(self, columns: UserColumns) -> NDArray[np.int64]:
        """Collect the columns of the pieces."""
        tables = [piece.per_user(columns) for piece in self.pieces()]
        return np.concatenate([Interactions.empty(self.movie_ids).per_user(columns), *tables], axis=1)

    def read_users(self, user_ids: NDArray[np.int64]) -> Interactions:
        """Collect the users from the pieces."""
        parts = [piece.select_users(np.flatnonzero(index_of(user_ids, piece.user_ids)[1])) for piece in self.pieces()]
        return Interactions.concatenate([Interactions.empty(self.movie_ids), *parts])

    def in_memory(self) -> Interactions:
        """Collect all pieces."""
        return Interactions.concatenate([Interactions.empty(self.movie_ids), *self.pieces()])


@dataclass(frozen=True)
class _Size:
    n_users: int
    n_ratings: int


class StoredRatings(BlockSource):
    """Ratings in a temporary file, which is gone with the process even if that is killed.

    It takes 13 bytes a rating, and 16 a user. Half stars are stored in a byte.
    """

    def __init__(self, movie_ids: NDArray[np.int64]) -> None:
        """Create an empty file for ratings of these movies, by ascending id."""
        self.movie_ids = movie_ids
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._sizes: list[_Size] = []
        self.close = finalize(self, self._file.close)
        """Delete the ratings, before they are collected as garbage."""

    def write(self, pieces: Iterable[Interactions]) -> None:
        """Append users, whose ids ascend. Raise `SettingsError` if the disk is full."""
        for piece in pieces:
            half_stars = (2 * piece.stars).astype(np.uint8)
            with reporting_full_disk():
                for column in (piece.user_ids, piece.offsets, piece.items, half_stars, piece.rated_at):
                    np.ascontiguousarray(column).tofile(self._file)
            self._sizes.append(_Size(piece.n_users, piece.items.size))

    def pieces(self) -> Iterator[Interactions]:
        """Read all users, in the pieces in which they were written."""
        start = 0
        for size in self._sizes:
            self._file.seek(start)
            user_ids, offsets = self._read(np.int64, size.n_users), self._read(np.int64, size.n_users + 1)
            items, half_stars = self._read(np.int32, size.n_ratings), self._read(np.uint8, size.n_ratings)
            rated_at = self._read(np.int64, size.n_ratings)
            start = self._file.tell()
            stars = half_stars * np.float32(0.5)
            yield Interactions(self.movie_ids, offsets, items, stars, rated_at, user_ids)

    def derive(self, step: Step) -> Source:
        """Take the step when the ratings are first read, and store what it leaves in a file of its own."""
        return _DerivedRatings(self, step)

    def _read(self, kind: type[np.generic], count: int) -> NDArray[Any]:
        return np.fromfile(self._file, kind, count)


class _DerivedRatings(StoredRatings):
    """The ratings of a file after a step."""

    def __init__(self, source: StoredRatings, step: Step) -> None:
        super().__init__(source.movie_ids)
        self._source: StoredRatings | None = source
        self._step = step

    def pieces(self) -> Iterator[Interactions]:
        if self._source is not None:
            self.write(map(self._step, self._source.pieces()))
            self._source = None
        return super().pieces()
