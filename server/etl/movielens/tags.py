"""Parse blocks of a tags file to pairs of movie and tag."""

from collections.abc import Iterable, Iterator
from typing import Final

import polars as pl

from server.etl.movielens.batches import LARGEST_ID, FrameBatch, Rejected
from server.etl.movielens.blocks import Block
from server.etl.movielens.formats import Format
from server.etl.movielens.frames import read_text, read_typed
from server.etl.movielens.records import RejectionGuard

LONGEST_TAG: Final = 500
_TYPES = {"movieId": pl.Int64(), "tag": pl.String()}
_SHOWN_CHARACTERS = 40
_CONTROL_CHARACTERS = r"\p{Cc}+"


class TagParser:
    """Parses the blocks of a tags file."""

    def __init__(self, name: str, file_format: Format) -> None:
        self._name = name
        self._format = file_format
        self._rejections = RejectionGuard(name)

    def parse(self, blocks: Iterable[Block]) -> Iterator[FrameBatch]:
        """Yield batches in the order of the file. Memory is proportional to the size of a block."""
        for block in blocks:
            # Polars accepts unbalanced quotation marks in text, so it gets only blocks without any.
            is_plain = not self._format.is_quoted or b'"' not in block.content
            frame = read_typed(block, self._format, _TYPES) if is_plain else None
            if frame is None:
                texts, rejected = read_text(block, self._format, list(_TYPES), self._name)
                frame = texts.with_columns(_parse_id().alias("movieId"), pl.col("movieId").alias("text"))
            else:
                rejected = []
            yield self._as_batch(frame.with_columns(_clean_tag()), rejected, block.size)

    def _as_batch(self, frame: pl.DataFrame, rejected: list[Rejected], size: int) -> FrameBatch:
        is_valid = frame.select(pl.all_horizontal(_validity().values()).fill_null(value=False)).to_series()
        reasons = frame.filter(~is_valid).select("line", _reason("text" if "text" in frame.columns else "movieId"))
        rejected += [Rejected(self._name, line, reason) for line, reason in reasons.iter_rows()]
        rejected.sort(key=lambda row: row.line)
        usable = frame.filter(is_valid).select("line", pl.col("movieId").alias("movie_id"), "tag")
        batch = FrameBatch(usable, usable.height + len(rejected), rejected, size)
        self._rejections.count(batch.read, rejected)
        return batch


def _parse_id() -> pl.Expr:
    text = pl.col("movieId").str.strip_chars()
    return text.str.replace(r"^(\d+)\.0*$", "$1").cast(pl.Int64, strict=False)


def _clean_tag() -> pl.Expr:
    """Remove control characters and surplus white space."""
    text = pl.col("tag").fill_null("").str.replace_all(_CONTROL_CHARACTERS, " ")
    return text.str.replace_all(r"\s+", " ").str.strip_chars()


def _validity() -> dict[str, pl.Expr]:
    return {
        "movieId": pl.col("movieId").is_between(1, LARGEST_ID),
        "empty": pl.col("tag") != "",
        "long": pl.col("tag").str.len_chars() <= LONGEST_TAG,
    }


def _reason(movie_id: str) -> pl.Expr:
    validity = _validity()
    shown = pl.col(movie_id).cast(pl.String).str.slice(0, _SHOWN_CHARACTERS)
    return (
        pl
        .when(~validity["movieId"].fill_null(value=False))
        .then(pl.format(f'movie id "{{}}" is not a whole number from 1 to {LARGEST_ID}', shown))
        .when(~validity["empty"])
        .then(pl.lit("the tag is empty"))
        .otherwise(pl.lit(f"the tag has more than {LONGEST_TAG} characters"))
    )
