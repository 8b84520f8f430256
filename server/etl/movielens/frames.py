"""Read blocks of a file into data frames: fast where possible, or row by row with reasons for rejected rows."""

from collections.abc import Mapping, Sequence

import polars as pl
from polars._typing import PolarsDataType

from server.etl.movielens.batches import Rejected
from server.etl.movielens.blocks import Block
from server.etl.movielens.formats import Format
from server.etl.movielens.records import read_records

# Polars needs a separator of one byte in place of "::".
_UNIT_SEPARATOR = "\x1f"


def read_typed(block: Block, file_format: Format, types: Mapping[str, PolarsDataType]) -> pl.DataFrame | None:
    """Parse the fields of a block to types, with the column ``line``. Return None if the block needs a closer look."""
    content, separator = block.content, file_format.separator
    if len(separator) > 1:
        content, separator = content.replace(separator.encode(), _UNIT_SEPARATOR.encode()), _UNIT_SEPARATOR
    try:
        frame = pl.read_csv(
            content,
            has_header=False,
            separator=separator,
            quote_char='"' if file_format.is_quoted else None,
            schema=_schema(file_format, types),
            row_index_name="line",
            row_index_offset=block.first_line,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    # Text may contain line breaks, which shift the line numbers like blank lines. Numbers contain neither.
    has_text = file_format.width > len(types) or pl.String() in types.values()
    if has_text and frame.height != block.content.count(b"\n") + (not block.content.endswith(b"\n")):
        return None
    return frame.select(pl.col("line").cast(pl.Int64), *types)


def read_text(
    block: Block, file_format: Format, fields: Sequence[str], name: str
) -> tuple[pl.DataFrame, list[Rejected]]:
    """Split a block into text fields, with the column ``line``. Return them and the rows without the right columns."""
    lines: list[int] = []
    columns: list[list[str]] = [[] for _ in fields]
    positions = [file_format.positions[field] for field in fields]
    rejected: list[Rejected] = []
    for record in read_records(block, file_format):
        if record.error is not None:
            rejected.append(Rejected(name, record.line, record.error))
            continue
        lines.append(record.line)
        for column, position in zip(columns, positions, strict=True):
            column.append(record.fields[position])
    series = [pl.Series("line", lines, pl.Int64)]
    series += [pl.Series(field, column, pl.String) for field, column in zip(fields, columns, strict=True)]
    return pl.DataFrame(series), rejected


def _schema(file_format: Format, types: Mapping[str, PolarsDataType]) -> dict[str, PolarsDataType]:
    names = {file_format.positions[field]: field for field in types}
    return {
        names.get(position, f"column {position}"): types.get(names.get(position, ""), pl.String())
        for position in range(file_format.width)
    }
