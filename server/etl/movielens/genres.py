"""Read the genres of a movie, in the ways in which files list them."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from server.etl.movielens.records import RowError

MAX_GENRES: Final = 50
MAX_LENGTH: Final = 100
KNOWN_GENRES: Final = (
    *("Action", "Adventure", "Animation", "Children", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War"),
    "Western",
)
_SPELLINGS = {name.casefold(): name for name in KNOWN_GENRES}
_NONE = frozenset({"", "(no genres listed)", "no genres listed", "unknown", "n/a", "none", "null", "nan", "\\n"})
_SEPARATORS = re.compile(r"[|,;]")
_STRING = r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\""""
_STRINGS = re.compile(_STRING)
_NAMES = re.compile(rf"""["']name["']\s*:\s*(?:{_STRING})""")


def parse_genres(text: str) -> tuple[str, ...]:
    """Return the genres of a movie, each once, in the spelling of MovieLens where it has one.

    They are separated by ``|``, ``,`` or ``;``, or written as a list of strings or of objects with a name, in JSON or
    Python. Raises RowError for more genres, or longer ones, than any movie has.
    """
    genres: dict[str, str] = {}
    for name in _split(text.strip()):
        cleaned = " ".join(name.split())
        key = cleaned.casefold()
        if key not in _NONE:
            genres.setdefault(key, _SPELLINGS.get(key, cleaned))
    if len(genres) > MAX_GENRES:
        raise RowError(f"{len(genres):,} genres, but a movie has at most {MAX_GENRES}")
    if any(len(genre) > MAX_LENGTH for genre in genres.values()):
        raise RowError(f"a genre has more than {MAX_LENGTH} characters")
    return tuple(genres.values())


def _split(text: str) -> Iterable[str]:
    if text.casefold() in _NONE:
        return ()
    if not (text.startswith(("[", "{")) and text.endswith(("]", "}"))):
        return _SEPARATORS.split(text)
    with suppress(ValueError, RecursionError):
        return [_name_of(item) for item in json.loads(text)]
    strings = (_NAMES if "{'" in text or '{"' in text else _STRINGS).findall(text)
    if strings:
        return [re.sub(r"\\(.)", r"\1", single or double) for single, double in strings]
    return _SEPARATORS.split(text[1:-1])


def _name_of(item: object) -> str:
    return str(item.get("name", "")) if isinstance(item, dict) else str(item)
