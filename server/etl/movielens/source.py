"""MovieLens files, in a folder or a zip, to typed batches of movies and ratings.

Two generations of files are read: ``movies.csv`` and ``ratings.csv`` with a header, and the older
``movies.dat`` and ``ratings.dat`` without one, separated by "::". Files are streamed: memory does not grow
with them. No line stops the reading: one that cannot be used is handed over with its number and the reason.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from server.command_errors import SourceError
from server.etl.movielens.batches import MovieBatch, RatingBatch
from server.etl.movielens.blocks import Block, read_blocks
from server.etl.movielens.movie_rows import decode_line, parse_movie_blocks, split_colons, split_csv
from server.etl.movielens.rating_blocks import parse_rating_block

_MOVIES_BLOCK_BYTES = 1 << 18
_RATINGS_BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class _Layout:
    """How one generation of MovieLens writes its files."""

    suffix: str
    separator: str
    has_header: bool
    split_movie: Callable[[str], list[str]]


_LAYOUTS = (
    _Layout(".csv", ",", has_header=True, split_movie=split_csv),
    _Layout(".dat", "::", has_header=False, split_movie=split_colons),
)


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a source."""

    path: Path | zipfile.Path
    layout: _Layout
    columns: list[str]

    @property
    def size(self) -> int:
        """Its bytes, uncompressed."""
        if isinstance(self.path, zipfile.Path):
            return self.path.root.getinfo(self.path.at).file_size
        return self.path.stat().st_size

    def check(self) -> None:
        """Raise SourceError unless the file begins as its layout says."""
        first_block = next(self._read(_MOVIES_BLOCK_BYTES), None)
        if first_block is None:
            raise SourceError(f"{self.path.name} is empty.")
        first_line = decode_line(first_block.content.partition(b"\n")[0])
        fields = [field.strip(' "') for field in first_line.removeprefix("\ufeff").split(self.layout.separator)]
        if self.layout.has_header and fields != self.columns:
            header = self.layout.separator.join(self.columns)
            raise SourceError(f'{self.path.name} begins with "{first_line[:80]}", not with the header "{header}".')
        if len(fields) < len(self.columns):
            raise SourceError(f'{self.path.name} begins with "{first_line[:80]}": these are not fields between "::".')

    def blocks(self, block_bytes: int) -> Iterator[Block]:
        """Yield its rows; a header is left out but counted as a line."""
        for block in self._read(block_bytes):
            if block.first_line == 1 and self.layout.has_header:
                yield replace(block, first_line=2, content=block.content.partition(b"\n")[2])
            else:
                yield block

    def _read(self, block_bytes: int) -> Iterator[Block]:
        with _clear_errors(self.path.name), self.path.open("rb") as stream:
            yield from read_blocks(stream, self.path.name, block_bytes)


class MovieLensSource:
    """The movies and ratings of one source, to be read as often as one likes until it is closed."""

    def __init__(self, movies: _File, ratings: _File, resources: ExitStack) -> None:
        self._movies = movies
        self._ratings = ratings
        self._resources = resources
        self.bytes_total = movies.size + ratings.size
        """The uncompressed bytes of both files: what the ``bytes_read`` of all batches add up to."""
        self.ratings_file = ratings.path.name
        """The name that rejected ratings carry."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def movies(self) -> Iterator[MovieBatch]:
        """Yield the movies in the order of the file; raises SourceError when the file cannot be read on."""
        blocks = self._movies.blocks(_MOVIES_BLOCK_BYTES)
        return parse_movie_blocks(blocks, self._movies.path.name, self._movies.layout.split_movie)

    def ratings(self) -> Iterator[RatingBatch]:
        """Yield the ratings in the order of the file; raises SourceError when the file cannot be read on."""
        name, separator = self._ratings.path.name, self._ratings.layout.separator
        blocks = self._ratings.blocks(_RATINGS_BLOCK_BYTES)
        return (parse_rating_block(block, name, separator) for block in blocks)


def open_source(path: Path) -> MovieLensSource:
    """Open a folder or a zip of MovieLens files, to be closed by ``with``.

    Raises SourceError, with what to do about it, when the path holds nothing of the kind.
    """
    with ExitStack() as resources, _clear_errors(str(path)):
        movies, ratings = _find_files(path, _list_folders(path, resources))
        movies.check()
        ratings.check()
        return MovieLensSource(movies, ratings, resources.pop_all())


def _list_folders(path: Path, resources: ExitStack) -> list[Path] | list[zipfile.Path]:
    """List where the files may lie: in the folder itself; at the top of the zip or one folder down."""
    if not path.exists():
        raise SourceError(f"{path} does not exist.")
    if path.is_dir():
        return [path]
    if not zipfile.is_zipfile(path):
        raise SourceError(
            f"{path} is neither a folder nor a zip. Name the folder that holds movies.csv and ratings.csv."
        )
    top = zipfile.Path(resources.enter_context(zipfile.ZipFile(path)))
    return [top, *(entry for entry in top.iterdir() if entry.is_dir())]


def _find_files(path: Path, folders: Iterable[Path | zipfile.Path]) -> tuple[_File, _File]:
    for folder in folders:
        for layout in _LAYOUTS:
            movies = _File(folder / f"movies{layout.suffix}", layout, ["movieId", "title", "genres"])
            ratings = _File(folder / f"ratings{layout.suffix}", layout, ["userId", "movieId", "rating", "timestamp"])
            if movies.path.is_file() and ratings.path.is_file():
                return movies, ratings
    raise SourceError(f"{path} holds neither movies.csv and ratings.csv nor movies.dat and ratings.dat.")


@contextmanager
def _clear_errors(name: str) -> Iterator[None]:
    """Turn what files and zips fail with into SourceError; an encrypted zip fails with RuntimeError."""
    try:
        yield
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(f"{name} cannot be read: {error}.") from error
