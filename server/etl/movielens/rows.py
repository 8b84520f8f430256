"""Parse the rows of a file one by one, and separate the usable rows from the rejected ones."""

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from server.etl.movielens.batches import LARGEST_ID, Rejected
from server.etl.movielens.blocks import Block
from server.etl.movielens.formats import Format
from server.etl.movielens.records import RejectionGuard, RowError, read_records

T = TypeVar("T")

MOST_WAITING = 50_000
"""Movie ids out of order in memory, before they are sorted into those that came before."""

_ID = re.compile(r"0*([1-9]\d{0,18})(?:\.0*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """The usable and the rejected rows of a block."""

    items: list[T]
    rejected: list[Rejected]
    bytes_read: int

    @property
    def read(self) -> int:
        """The number of rows of the block."""
        return len(self.items) + len(self.rejected)


def parse_rows(
    blocks: Iterable[Block], name: str, file_format: Format, parse: Callable[[int, list[str]], T]
) -> Iterator[Rows[T]]:
    """Parse the blocks of a file. ``parse`` takes the line and the fields of a row and may raise RowError."""
    guard = RejectionGuard(name)
    for block in blocks:
        rows: Rows[T] = Rows([], [], block.size)
        for record in read_records(block, file_format):
            try:
                if record.error is not None:
                    raise RowError(record.error)
                rows.items.append(parse(record.line, record.fields))
            except RowError as error:
                rows.rejected.append(Rejected(name, record.line, str(error)))
        guard.count(rows.read, rows.rejected)
        yield rows


def parse_id(text: str, kind: str) -> int:
    """Return an id, which may be written like "1.0". Raises RowError."""
    digits = _ID.fullmatch(text.strip())
    if digits is None or int(digits[1]) > LARGEST_ID:
        raise RowError(f'{kind} "{text.strip()[:40]}" is not a whole number from 1 to {LARGEST_ID}')
    return int(digits[1])


class FirstRowOfMovie:
    """Rejects the second row of a movie. It takes 16 bytes a movie; a dictionary takes 106."""

    def __init__(self) -> None:
        self._ids, self._lines = array("q"), array("q")
        """By ascending id, and the line of each."""
        self._waiting: dict[int, int] = {}
        """The lines of ids that were lower than an earlier one."""

    def __len__(self) -> int:
        return len(self._ids) + len(self._waiting)

    def check(self, line: int, movie_id: int) -> None:
        """Raise RowError if the movie has an earlier row."""
        # Files mostly come by ascending id.
        if not self._ids or movie_id > self._ids[-1]:
            self._ids.append(movie_id)
            self._lines.append(line)
            return
        place = bisect_left(self._ids, movie_id)
        earlier = self._lines[place] if self._ids[place] == movie_id else self._waiting.setdefault(movie_id, line)
        if earlier != line:
            raise RowError(f"movie id {movie_id} was on line {earlier} already")
        if len(self._waiting) >= MOST_WAITING:
            self._merge()

    def _merge(self) -> None:
        ids = np.concatenate([np.array(self._ids), np.fromiter(self._waiting, np.int64)])
        lines = np.concatenate([np.array(self._lines), np.fromiter(self._waiting.values(), np.int64)])
        order = np.argsort(ids)
        self._ids, self._lines = array("q", ids[order].tobytes()), array("q", lines[order].tobytes())
        self._waiting.clear()
