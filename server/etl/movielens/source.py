"""Read a MovieLens source, of any published layout, as batches of movies, links, ratings and tags.

Files are streamed, so memory does not grow with them. A row that is not usable is returned with its line and the
reason. A file that is not what its name says is refused as a whole.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from server.command_errors import SourceError
from server.etl.movielens.archives import Entry, as_source_error, list_entries
from server.etl.movielens.batches import FrameBatch, LinkBatch, MovieBatch
from server.etl.movielens.blocks import Block, read_blocks
from server.etl.movielens.files import SourceFiles, find_files
from server.etl.movielens.formats import GENRES_OF_100K, RATINGS_OF_100K, Format, Role, detect_format, movies_of_100k
from server.etl.movielens.movies import LinkParser, MovieParser
from server.etl.movielens.ratings import RatingParser
from server.etl.movielens.records import decode_line
from server.etl.movielens.rows import parse_rows
from server.etl.movielens.scale import Scale
from server.etl.movielens.tags import TagParser

_BLOCK_BYTES = 1 << 18
_RATINGS_BLOCK_BYTES = 1 << 22
_HEADER_LINES = 2


class SourceFile:
    """A file of a source whose format is known."""

    def __init__(self, entry: Entry, file_format: Format) -> None:
        self.name = entry.name
        self.size = entry.size
        self.format = file_format
        self._entry = entry

    def blocks(self, block_bytes: int) -> Iterator[Block]:
        """Yield the rows without the header. Lines and bytes include it."""
        first_row = self.format.first_row
        for block in _read_entry(self._entry, block_bytes):
            # The header is shorter than any block.
            skipped = max(0, first_row - block.first_line)
            content = block.content.split(b"\n", skipped)[-1] if skipped else block.content
            yield replace(block, first_line=block.first_line + skipped, content=content)


class MovieLensSource:
    """An open source. Its files can be read repeatedly until it is closed."""

    def __init__(self, files: dict[Role, SourceFile], scale: Scale, resources: ExitStack) -> None:
        self._files = files
        self._scale = scale
        self._resources = resources
        self.bytes_total = sum(file.size for file in files.values())
        """The uncompressed bytes of all files, which is the sum of the ``bytes_read`` of all batches."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    def name_of(self, role: Role) -> str:
        """Return the name of a file, which its rejected rows carry."""
        return self._files[role].name if role in self._files else f"{role}.csv"

    def movies(self) -> Iterator[MovieBatch]:
        """Yield the movies in the order of the file. Raises SourceError for a file that becomes unreadable."""
        if (file := self._files.get(Role.MOVIES)) is not None:
            parser = MovieParser(file.name, file.format)
            for rows in parse_rows(file.blocks(_BLOCK_BYTES), file.name, file.format, parser):
                yield MovieBatch([movie for _, movie in rows.items], rows.read, rows.rejected, rows.bytes_read)

    def links(self) -> Iterator[LinkBatch]:
        """Yield the links to other databases in the order of the file."""
        if (file := self._files.get(Role.LINKS)) is not None:
            for rows in parse_rows(file.blocks(_BLOCK_BYTES), file.name, file.format, LinkParser(file.format)):
                yield LinkBatch(rows.items, rows.read, rows.rejected, rows.bytes_read)

    def ratings(self) -> Iterator[FrameBatch]:
        """Yield the ratings in the order of the file. Raises SourceError for a file on another scale."""
        if (file := self._files.get(Role.RATINGS)) is not None:
            yield from RatingParser(file.name, file.format, self._scale).parse(file.blocks(_RATINGS_BLOCK_BYTES))

    def tags(self) -> Iterator[FrameBatch]:
        """Yield the tags in the order of the file."""
        if (file := self._files.get(Role.TAGS)) is not None:
            yield from TagParser(file.name, file.format).parse(file.blocks(_BLOCK_BYTES))


def open_source(path: Path, scale: Scale = Scale.STARS) -> MovieLensSource:
    """Open a folder, an archive or a single file, for use in a ``with`` statement.

    Raises SourceError if the path contains no files of MovieLens, or a file without the needed columns.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist.")
    with ExitStack() as resources, as_source_error(str(path)):
        entries = list_entries(path, resources)
        is_single_file = path.is_file() and [entry.name for entry in entries] == [path.name]
        files = find_files(entries, str(path), is_single_file=is_single_file)
        opened = {role: SourceFile(entry, _find_format(entry, role, files)) for role, entry in files.by_role.items()}
        return MovieLensSource(opened, scale, resources.pop_all())


def _find_format(entry: Entry, role: Role, files: SourceFiles) -> Format:
    name = entry.name.lower().removesuffix(".gz")
    if name == "u.data":
        return RATINGS_OF_100K
    if name == "u.item":
        return movies_of_100k(_read_genres(files.genres) if files.genres else GENRES_OF_100K)
    return detect_format(_read_first_lines(entry), role, entry.name)


def _read_first_lines(entry: Entry) -> list[str]:
    first_block = next(_read_entry(entry, _BLOCK_BYTES), None)
    lines = [] if first_block is None else first_block.content.split(b"\n", _HEADER_LINES)[:_HEADER_LINES]
    return [decode_line(line).removeprefix("\ufeff") for line in lines]


def _read_genres(entry: Entry) -> list[str]:
    """Return the genres of ``u.genre``, which has lines like "Drama|8", by their number."""
    lines = [decode_line(line) for block in _read_entry(entry, _BLOCK_BYTES) for line in block.content.split(b"\n")]
    numbered = [line.split("|")[:2] for line in lines if "|" in line]
    try:
        return [name for _, name in sorted((int(number), name) for name, number in numbered)]
    except ValueError as error:
        raise SourceError(f'{entry.name} has a line that is not like "Drama|8".') from error


def _read_entry(entry: Entry, block_bytes: int) -> Iterator[Block]:
    with as_source_error(entry.name), entry.open() as stream:
        yield from read_blocks(stream, entry.name, block_bytes)
