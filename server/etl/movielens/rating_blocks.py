"""A block of a ratings file to typed columns: at once if every row is good, else row by row with reasons."""

import time

import polars as pl

from server.etl.movielens.batches import LARGEST_ID, RatingBatch, Rejected
from server.etl.movielens.blocks import Block

_UNIT_SEPARATOR = b"\x1f"  # stands in for "::", for polars wants a separator of one byte
_DAY_S = 86_400
_FIELDS = {"user_id": pl.Int64, "movie_id": pl.Int64, "rating": pl.Float64, "rated_at": pl.Int64}
_COLUMNS = pl.col("line").cast(pl.Int64), "user_id", "movie_id", pl.col("rating").cast(pl.Float32), "rated_at"

_REASON = {
    "user_id": f'user id "{{}}" is not a whole number from 1 to {LARGEST_ID}',
    "movie_id": f'movie id "{{}}" is not a whole number from 1 to {LARGEST_ID}',
    "rating": "rating {} is not one of 0.5, 1.0, … 5.0",
    "rated_at": 'timestamp "{}" is not a number of seconds from 1970 until today',
}
_SHOWN_CHARACTERS = 40


def _validity() -> dict[str, pl.Expr]:
    """Say of each field when it is good. A day of grace is for clocks; a later rating would beat all to come."""
    return {
        "user_id": pl.col("user_id").is_between(1, LARGEST_ID),
        "movie_id": pl.col("movie_id").is_between(1, LARGEST_ID),
        "rating": pl.col("rating").is_in([half_stars / 2 for half_stars in range(1, 11)]),
        "rated_at": pl.col("rated_at").is_between(0, int(time.time()) + _DAY_S),
    }


def _all_valid() -> pl.Expr:
    return pl.all_horizontal(_validity().values()).fill_null(value=False)


def parse_rating_block(block: Block, file: str, separator: str) -> RatingBatch:
    """Parse whole lines of ``user, movie, rating, seconds``; ``file`` is the name that rejected rows carry.

    Blank lines count as nothing. Memory is in proportion to the block.
    """
    frame = _parse_good_rows(block, separator)
    if frame is not None:
        return RatingBatch(frame, read=frame.height, rejected=[], bytes_read=block.size)
    rows = _parse_any_rows(block, separator)
    bad_rows = rows.filter(~pl.col("is_good")).select("line", _reason())
    return RatingBatch(
        frame=rows.filter("is_good").select(_COLUMNS),
        read=rows.height,
        rejected=[Rejected(file, line, reason) for line, reason in bad_rows.iter_rows()],
        bytes_read=block.size,
    )


def _parse_good_rows(block: Block, separator: str) -> pl.DataFrame | None:
    """Parse a block in which every line is a good rating; None says that some line is not."""
    content = block.content
    if len(separator) > 1:
        content, separator = content.replace(separator.encode(), _UNIT_SEPARATOR), _UNIT_SEPARATOR.decode()
    try:
        frame = pl.read_csv(
            content,
            has_header=False,
            separator=separator,
            schema=_FIELDS,
            row_index_name="line",
            row_index_offset=block.first_line,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    return frame.select(_COLUMNS) if frame.select(_all_valid().all()).item() else None


def _parse_any_rows(block: Block, separator: str) -> pl.DataFrame:
    """Parse a block line by line into the columns of a rating, ``is_good``, and ``fields`` as they stand."""
    lines = block.content.decode(errors="replace").split("\n")
    return (
        pl
        .DataFrame({"row": lines}, schema={"row": pl.String})
        .with_row_index("line", block.first_line)
        .with_columns(pl.col("row").str.strip_chars())
        .filter(pl.col("row") != "")
        .with_columns(pl.col("row").str.split(separator).alias("fields"))
        .with_columns(_text(name).cast(number, strict=False).alias(name) for name, number in _FIELDS.items())
        .with_columns((_all_valid() & (pl.col("fields").list.len() == len(_FIELDS))).alias("is_good"))
    )


def _text(field: str) -> pl.Expr:
    position = list(_FIELDS).index(field)
    return pl.col("fields").list.get(position, null_on_oob=True).str.strip_chars(' "')


def _reason() -> pl.Expr:
    """Say what is wrong with a bad row, first things first."""
    count = pl.col("fields").list.len()
    reasons = [pl.when(count != len(_FIELDS)).then(pl.format("{} fields where 4 belong", count))]
    for name, valid in _validity().items():
        shown = _text(name).str.slice(0, _SHOWN_CHARACTERS)
        reasons.append(pl.when(~valid.fill_null(value=False)).then(pl.format(_REASON[name], shown)))
    return pl.coalesce(reasons)
