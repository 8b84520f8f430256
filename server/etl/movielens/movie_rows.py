"""The rows of a movies file to movies."""

import csv
from collections.abc import Callable, Iterable, Iterator

from server.etl.movielens.batches import LARGEST_ID, MovieBatch, Rejected, SourceMovie
from server.etl.movielens.blocks import Block
from server.etl.movielens.titles import parse_title

_LONGEST_TITLE = 500
_NO_GENRES = "(no genres listed)"


class RowError(ValueError):
    """A row that is no movie; the message says why."""


def parse_movie_blocks(
    blocks: Iterable[Block], file: str, split_row: Callable[[str], list[str]]
) -> Iterator[MovieBatch]:
    """Parse blocks of a movies file, one batch a block; ``file`` is the name that rejected rows carry.

    ``split_row`` takes a line apart and may raise RowError. Blank lines count as nothing. Of rows with the
    same movie id the first one is taken.
    """
    line_of_id: dict[int, int] = {}
    for block in blocks:
        movies: list[SourceMovie] = []
        rejected: list[Rejected] = []
        for line, row in _list_rows(block):
            try:
                movie = _parse_movie(split_row(row))
                if movie.movie_id in line_of_id:
                    raise RowError(f"movie id {movie.movie_id} was on line {line_of_id[movie.movie_id]} already")
            except RowError as error:
                rejected.append(Rejected(file, line, str(error)))
            else:
                line_of_id[movie.movie_id] = line
                movies.append(movie)
        yield MovieBatch(movies, read=len(movies) + len(rejected), rejected=rejected, bytes_read=block.size)


def split_csv(row: str) -> list[str]:
    """Split ``5,"Postman, The (1994)",Drama``; raises RowError when the quotation marks do not match."""
    try:
        return next(csv.reader([row], strict=True))
    except csv.Error as error:
        raise RowError(f"not a row of CSV: {error}") from error


def split_colons(row: str) -> list[str]:
    """Split ``5::Alien 3: Special::Edition (1992)::Horror``; only the title may hold the separator."""
    movie_id, *rest = row.split("::", maxsplit=1)
    return [movie_id, *(part for text in rest for part in text.rsplit("::", maxsplit=1))]


def decode_line(line: bytes) -> str:
    """Decode a line without its end: UTF-8, or else the Latin-1 of MovieLens 1M."""
    try:
        return line.decode().rstrip("\r")
    except UnicodeDecodeError:
        return line.decode("latin-1").rstrip("\r")


def _list_rows(block: Block) -> Iterator[tuple[int, str]]:
    lines = enumerate(block.content.split(b"\n"), block.first_line)
    return ((number, decode_line(line)) for number, line in lines if line.strip())


def _parse_movie(fields: list[str]) -> SourceMovie:
    if len(fields) != 3:
        raise RowError(f"{len(fields)} fields where 3 belong; a title with a comma needs quotation marks")
    movie_id, source_title, genres = fields
    if "\0" in source_title or "\0" in genres:
        raise RowError("the row holds a NUL character")
    if len(source_title) > _LONGEST_TITLE:
        raise RowError(f"the title has more than {_LONGEST_TITLE} characters")
    title = parse_title(source_title)
    if not title.title:
        raise RowError("the title is empty")
    return SourceMovie(_parse_id(movie_id), source_title, title, _parse_genres(genres))


def _parse_id(text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19 and 1 <= int(digits) <= LARGEST_ID):
        raise RowError(f'movie id "{digits[:40]}" is not a whole number from 1 to {LARGEST_ID}')
    return int(digits)


def _parse_genres(text: str) -> tuple[str, ...]:
    names = (name.strip() for name in text.split("|"))
    return tuple(dict.fromkeys(name for name in names if name not in {"", _NO_GENRES}))
