"""Split blocks of text into records, which may contain separators and line breaks in quotation marks."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from server.command_errors import SourceError
from server.etl.movielens.batches import Rejected
from server.etl.movielens.blocks import Block
from server.etl.movielens.formats import Format

MAX_RECORD_LINES: Final = 50
MAX_REJECTED: Final = 10_000
_UNFINISHED = "unexpected end of data"


class RowError(ValueError):
    """A row that cannot be used. The message is the reason."""


class _UnfinishedRow(RowError):
    """A row that ends inside of quotation marks."""


class Record(NamedTuple):
    """A record and the number of its first line: its fields in the columns of the file, or the reason for having none.

    It has at least the columns that hold required fields, and at most the columns of the file.
    """

    line: int
    fields: list[str]
    error: str | None = None


class RejectionGuard:
    """Stops reading a file early when nearly all of its rows are rejected."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._read = self._rejected = 0

    def count(self, read: int, rejected: Sequence[Rejected]) -> None:
        """Add the rows of a batch. Raises SourceError if, of many rows, less than a tenth is usable."""
        self._read += read
        self._rejected += len(rejected)
        if rejected and self._rejected >= MAX_REJECTED and self._rejected * 10 > self._read * 9:
            raise SourceError(
                f"{self._name} is not a MovieLens file: {self._rejected:,} of its first {self._read:,} rows are not "
                f"usable. Line {rejected[-1].line}: {rejected[-1].reason}."
            )


def read_records(block: Block, file_format: Format) -> Iterator[Record]:
    """Yield the records of a block. Blank lines are skipped."""
    lines = _decode(block.content)
    position = 0
    while position < len(lines):
        if not lines[position].strip():
            position += 1
            continue
        line, n_lines = block.first_line + position, 1
        try:
            fields, n_lines = _read_record(lines, position, file_format)
            yield Record(line, fields)
        except RowError as error:
            yield Record(line, [], str(error))
        position += n_lines


def decode_line(line: bytes) -> str:
    """Decode a line from UTF-8, or else from Windows-1252, which contains the letters of Latin-1."""
    for encoding in ("utf-8", "windows-1252"):
        try:
            return line.decode(encoding).rstrip("\r")
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1").rstrip("\r")


def _decode(content: bytes) -> list[str]:
    try:
        return [line.rstrip("\r") for line in content.decode().split("\n")]
    except UnicodeDecodeError:
        return [decode_line(line) for line in content.split(b"\n")]


def _read_record(lines: Sequence[str], position: int, file_format: Format) -> tuple[list[str], int]:
    """Return the fields of a record and the number of its lines."""
    try:
        return _split(lines[position], file_format), 1
    except _UnfinishedRow:
        for end in range(position + 2, min(position + MAX_RECORD_LINES, len(lines)) + 1):
            try:
                return _split("\n".join(lines[position:end]), file_format), end - position
            except _UnfinishedRow:
                continue
            except RowError:
                break
        # No line nearby closes the quotation mark, so only this line is wrong.
        raise


def _split(text: str, file_format: Format) -> list[str]:
    """Split a row. Raises the error of the first dialect, or that of a row that continues on the next line."""
    if not file_format.is_quoted:
        return _split_plain(text, file_format)
    errors: list[RowError] = []
    for dialect in _dialects(text, file_format.separator):
        try:
            return _check_width(_split_csv(text, file_format.separator, dialect), file_format)
        except RowError as error:
            errors.append(error)
    raise next((error for error in errors if isinstance(error, _UnfinishedRow)), errors[0])


def _dialects(text: str, separator: str) -> Iterator[Mapping[str, Any]]:
    """Yield the options of the csv module for RFC 4180 and, if the text may need them, for two relatives of it."""
    yield {}
    if f'{separator} "' in text:
        yield {"skipinitialspace": True}
    if "\\" in text:
        # MySQL and others write \" in place of "".
        yield {"escapechar": "\\", "doublequote": False}


def _split_csv(text: str, separator: str, dialect: Mapping[str, Any]) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator, strict=True, **dialect))
    except csv.Error as error:
        kind = _UnfinishedRow if str(error) == _UNFINISHED else RowError
        raise kind(f"not a row of CSV: {error}") from error


def _split_plain(text: str, file_format: Format) -> list[str]:
    """Split a row without quotation marks. Additional separators belong to its text column, where it has one."""
    fields = text.split(file_format.separator)
    extra, column = len(fields) - file_format.width, file_format.text_column
    if extra > 0 and column is not None:
        fields[column : column + extra + 1] = [file_format.separator.join(fields[column : column + extra + 1])]
    return _check_width(fields, file_format)


def _check_width(fields: list[str], file_format: Format) -> list[str]:
    # Spreadsheets add empty fields at the end.
    while len(fields) > file_format.width and not fields[-1].strip():
        fields.pop()
    if file_format.needed_width <= len(fields) <= file_format.width:
        return fields
    hint = "; a field with a separator needs quotation marks" if file_format.is_quoted else ""
    raise RowError(f"{len(fields)} fields where {file_format.width} belong{hint}")
