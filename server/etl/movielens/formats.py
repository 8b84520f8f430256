"""Detect how the rows of a file are written: its separator, its header and the columns of its fields."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from server.command_errors import SourceError

SEPARATORS: Final = (",", ";", "\t", "|")
_SHOWN_CHARACTERS = 80
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]")


class Role(StrEnum):
    """The content of a file."""

    MOVIES = "movies"
    RATINGS = "ratings"
    LINKS = "links"
    TAGS = "tags"


COLUMN_NAMES: Final[Mapping[Role, Mapping[str, tuple[str, ...]]]] = {
    Role.MOVIES: {
        "movieId": ("movieid", "itemid", "filmid", "id"),
        "title": ("title", "movietitle", "name"),
        "genres": ("genres", "genre"),
    },
    Role.RATINGS: {
        "userId": ("userid", "user"),
        "movieId": ("movieid", "itemid", "filmid", "movie", "item"),
        "rating": ("rating", "stars", "score"),
        "timestamp": ("timestamp", "time", "date", "datetime", "ratedat", "ratingtimestamp"),
    },
    Role.LINKS: {
        "movieId": ("movieid", "itemid", "filmid", "id"),
        "imdbId": ("imdbid", "imdb"),
        "tmdbId": ("tmdbid", "tmdb", "themoviedbid"),
    },
    Role.TAGS: {
        "movieId": ("movieid", "itemid", "filmid", "movie", "item"),
        "tag": ("tag", "tagname"),
    },
}
"""The fields of each role by their MovieLens name, with the accepted names of columns in lower case without signs."""

OPTIONAL_FIELDS: Final = frozenset({"tmdbId"})


@dataclass(frozen=True)
class Format:
    """How the rows of a file are written."""

    separator: str
    positions: Mapping[str, int]
    """The column of each field."""
    width: int
    """The number of columns."""
    first_row: int = 1
    """The line of the first row, after the header."""
    is_quoted: bool = True
    """Whether quotation marks enclose fields (RFC 4180)."""
    text_column: int | None = None
    """The column that may contain the separator in a file without quotation marks."""
    flags: tuple[str, ...] = ()
    """The genres whose flags, 0 or 1, are in the columns from that of the genres on (100K)."""

    @cached_property
    def needed_width(self) -> int:
        """The number of columns up to the last one that holds a required field."""
        return 1 + max(position for name, position in self.positions.items() if name not in OPTIONAL_FIELDS)


# Releases 1M and 10M.
_DOUBLE_COLON_FORMATS: Final = {
    Role.MOVIES: Format("::", {"movieId": 0, "title": 1, "genres": 2}, width=3, is_quoted=False, text_column=1),
    Role.RATINGS: Format("::", {"userId": 0, "movieId": 1, "rating": 2, "timestamp": 3}, width=4, is_quoted=False),
    Role.TAGS: Format("::", {"movieId": 1, "tag": 2}, width=4, is_quoted=False, text_column=2),
}
RATINGS_OF_100K: Final = Format(
    "\t", {"userId": 0, "movieId": 1, "rating": 2, "timestamp": 3}, width=4, is_quoted=False
)
GENRES_OF_100K: Final = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


def movies_of_100k(genres: Sequence[str]) -> Format:
    """Return the format of ``u.item``, with the genres in the order of ``u.genre``."""
    positions = {"movieId": 0, "title": 1, "genres": 5}
    return Format("|", positions, width=5 + len(genres), is_quoted=False, flags=tuple(genres))


def detect_format(lines: Sequence[str], role: Role, name: str) -> Format:
    """Return the format of a file from its first lines. Raises SourceError that names the missing columns."""
    if not any(line.strip() for line in lines):
        raise SourceError(f"{name} is empty.")
    without_header = _DOUBLE_COLON_FORMATS.get(role)
    if without_header is not None and lines[0].count(without_header.separator) >= without_header.width - 1:
        return without_header
    # Excel writes and reads a first line like "sep=;".
    has_declaration = lines[0].strip().lower().startswith("sep=")
    header = lines[1 if has_declaration and len(lines) > 1 else 0]
    found = {separator: _find_columns(header, separator, role) for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda each: len(found[each]))
    _check_columns(found[separator], header, role, name)
    width = len(_split_header(header, separator))
    return Format(separator, found[separator], width, first_row=3 if has_declaration else 2)


def _find_columns(header: str, separator: str, role: Role) -> dict[str, int]:
    columns = [_NOT_ALPHANUMERIC.sub("", column.lower()) for column in _split_header(header, separator)]
    found: dict[str, int] = {}
    for field, names in COLUMN_NAMES[role].items():
        position = next((columns.index(name) for name in names if name in columns), None)
        if position is not None:
            found[field] = position
    return found


def _split_header(header: str, separator: str) -> list[str]:
    return next(csv.reader([header], delimiter=separator), [])


def _check_columns(found: Mapping[str, int], header: str, role: Role, name: str) -> None:
    missing = [field for field in COLUMN_NAMES[role] if field not in found and field not in OPTIONAL_FIELDS]
    if not missing:
        return
    needed = [field for field in COLUMN_NAMES[role] if field not in OPTIONAL_FIELDS]
    shown = "".join(character if character.isprintable() else " " for character in header[:_SHOWN_CHARACTERS])
    raise SourceError(
        f'{name} has no column {_list_words(missing)}. Its first line is "{shown}". Matinee finds columns by name, '
        f"in any order, and needs {_list_words(needed)}."
    )


def _list_words(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
