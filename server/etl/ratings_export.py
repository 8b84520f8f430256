"""Read a ratings file that a person exported from Letterboxd, IMDb or MovieLens."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from server.errors import UnknownRatingsFile
from server.schemas.ratings_import import ExportedRating

IMDB_ID = re.compile(r"(?:tt)?(\d{1,10})", re.IGNORECASE)
TITLE_WITH_YEAR = re.compile(r"(.*\S)\s*\((\d{4})\)\s*")
TIME_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y")
LARGEST_TIME = 253_402_300_799
"""The last second of the year 9999."""

Row = Mapping[str, str]


class Export(NamedTuple):
    """The rows of a file, and the site whose format it has."""

    source: str
    ratings: list[ExportedRating]


class _Format(NamedTuple):
    source: str
    required: frozenset[str]
    """Names of columns, folded by `_fold`."""
    read: Callable[[int, Row], ExportedRating]


def read_export(content: bytes) -> Export:
    """Return the rows of a ratings file, found by the names of its columns.

    Text is UTF-8, UTF-16 with a byte order mark, or Windows-1252. IMDb rates from 1 to 10; two points are one star.
    Raises `UnknownRatingsFile` if no format has these columns or the file is not text.
    """
    text = _decode(content)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        header = [_fold(name) for name in next(reader, [])]
        chosen = next((each for each in FORMATS if each.required <= set(header)), None)
        if chosen is None:
            raise UnknownRatingsFile
        return Export(chosen.source, [chosen.read(line, row) for line, row in _rows(reader, header)])
    except csv.Error as error:
        raise UnknownRatingsFile from error


def _rows(reader: Iterator[list[str]], header: list[str]) -> Iterator[tuple[int, Row]]:
    end = reader.line_num  # type: ignore[attr-defined]  # csv readers count lines
    for values in reader:
        begin, end = end + 1, reader.line_num  # type: ignore[attr-defined]
        if any(value.strip() for value in values):
            yield begin, dict(zip(header, (value.strip() for value in values), strict=False))


def _decode(content: bytes) -> str:
    is_utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ["utf-16"] if is_utf_16 else ["utf-8-sig", "windows-1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnknownRatingsFile


def _delimiter(text: str) -> str:
    header = text.split("\n", 1)[0]
    return max(",;\t", key=header.count)


def _fold(name: str) -> str:
    """Return a column's name without case, blanks and signs: "Your Rating", "your_rating" and "yourRating" are one."""
    return re.sub(r"[\W_]+", "", name).lower()


def _read_letterboxd(line: int, row: Row) -> ExportedRating:
    stars, problem = _stars(row["rating"], per_star=1)
    return ExportedRating(line, stars, _time(row.get("date")), title=row["name"], year=_year(row), problem=problem)


def _read_imdb(line: int, row: Row) -> ExportedRating:
    stars, problem = _stars(row["yourrating"], per_star=2)
    time, imdb_id = _time(row.get("daterated")), _imdb_id(row["const"])
    return ExportedRating(line, stars, time, imdb_id, title=row.get("title"), year=_year(row), problem=problem)


def _read_movielens(line: int, row: Row) -> ExportedRating:
    stars, problem = _stars(row["rating"], per_star=1)
    title = row.get("title")
    split = TITLE_WITH_YEAR.fullmatch(title or "")
    return ExportedRating(
        line,
        stars,
        _time(row.get("timestamp")),
        _imdb_id(row.get("imdbid", "")),
        _whole_number(row["movieid"]),
        title=split[1] if split else title,
        year=int(split[2]) if split else _year(row),
        problem=problem,
    )


FORMATS = (
    _Format("letterboxd", frozenset({"name", "year", "rating"}), _read_letterboxd),
    _Format("imdb", frozenset({"const", "yourrating"}), _read_imdb),
    _Format("movielens", frozenset({"movieid", "rating"}), _read_movielens),
)


def _stars(text: str, *, per_star: int) -> tuple[float | None, str | None]:
    """Return stars in half steps and no problem, or None and the problem."""
    try:
        value = float(text.replace(",", ".")) / per_star
    except ValueError:
        return None, "The row has no rating." if not text else f"{text!r} is not a rating."
    if not 0.5 <= value <= 5 or value * 2 != int(value * 2):
        return None, f"{text} is not a rating from {0.5 * per_star:g} to {5 * per_star}."
    return value, None


def _time(text: str | None) -> datetime | None:
    """Return a time in UTC; None for a missing, unreadable or future one."""
    if not text:
        return None
    if re.fullmatch(r"\d{1,12}", text) and int(text) <= LARGEST_TIME:
        moment = datetime.fromtimestamp(int(text), tz=UTC)
        return moment if moment <= datetime.now(UTC) else None
    for pattern in TIME_FORMATS:
        try:
            moment = datetime.strptime(text, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        return moment if datetime.fromtimestamp(0, UTC) <= moment <= datetime.now(UTC) else None
    return None


def _imdb_id(text: str) -> str | None:
    """Return an id as IMDb writes it, "tt" and at least seven digits."""
    match = IMDB_ID.fullmatch(text)
    return f"tt{int(match[1]):07}" if match else None


def _year(row: Row) -> int | None:
    return _whole_number(row.get("year", ""))


def _whole_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None
