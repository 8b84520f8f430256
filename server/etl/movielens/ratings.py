"""Parse blocks of a ratings file to typed columns: at once if every row is usable, or else row by row with reasons."""

import time
from collections.abc import Iterable, Iterator

import polars as pl

from server.etl.movielens.batches import LARGEST_ID, FrameBatch, Rejected
from server.etl.movielens.blocks import Block, subdivide
from server.etl.movielens.formats import Format
from server.etl.movielens.frames import read_text, read_typed
from server.etl.movielens.records import RejectionGuard
from server.etl.movielens.scale import THUMBS_WORDS, Scale, ScaleGuard, is_on_scale, to_stars

_DAY_S = 86_400
# No time of a rating has this many seconds, and every time since 1973 has this many milliseconds.
_FIRST_MILLISECOND = 10**11
_TYPES = {"userId": pl.Int64(), "movieId": pl.Int64(), "rating": pl.Float64(), "timestamp": pl.Int64()}
_SHOWN_CHARACTERS = 40
_SLOW_BLOCK_BYTES = 1 << 18
_REASONS = {
    "userId": f'user id "{{}}" is not a whole number from 1 to {LARGEST_ID}',
    "movieId": f'movie id "{{}}" is not a whole number from 1 to {LARGEST_ID}',
    "timestamp": 'timestamp "{}" is not a number of seconds or a UTC date from 1970 until today',
}
_DATE_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_DATE_FORMAT_WITH_OFFSET = "%Y-%m-%d %H:%M:%S%.f%#z"


class RatingParser:
    """Parses the blocks of a ratings file on a scale."""

    def __init__(self, name: str, file_format: Format, scale: Scale = Scale.STARS) -> None:
        self._name = name
        self._format = file_format
        self._scale = scale
        self._rejections = RejectionGuard(name)
        self._ratings = ScaleGuard(name, scale)

    def parse(self, blocks: Iterable[Block]) -> Iterator[FrameBatch]:
        """Yield batches in the order of the file. Memory is proportional to the size of a block."""
        for block in blocks:
            frame = read_typed(block, self._format, _TYPES)
            if frame is not None and frame.select(self._all_valid().all()).item():
                self._ratings.count_valid(frame["rating"])
                yield FrameBatch(self._as_batch(frame), frame.height, [], block.size)
            else:
                yield from map(self._parse_slowly, subdivide(block, self._name, _SLOW_BLOCK_BYTES))

    def _parse_slowly(self, block: Block) -> FrameBatch:
        texts, rejected = read_text(block, self._format, list(_TYPES), self._name)
        values = texts.select(
            "line",
            _parse_id("userId"),
            _parse_id("movieId"),
            self._parse_rating(),
            _parse_time(),
            *(_stripped(name).str.slice(0, _SHOWN_CHARACTERS).alias(_text_of(name)) for name in _TYPES),
        )
        self._ratings.count(values["rating"].drop_nulls())
        is_valid = values.select(self._all_valid()).to_series()
        reasons = values.filter(~is_valid).select("line", self._reason())
        rejected += [Rejected(self._name, line, reason) for line, reason in reasons.iter_rows()]
        rejected.sort(key=lambda row: row.line)
        usable = self._as_batch(values.filter(is_valid))
        batch = FrameBatch(usable, usable.height + len(rejected), rejected, block.size)
        self._rejections.count(batch.read, rejected)
        return batch

    def _as_batch(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.select(
            "line",
            pl.col("userId").alias("user_id"),
            pl.col("movieId").alias("movie_id"),
            to_stars(pl.col("rating"), self._scale).cast(pl.Float32),
            pl.col("timestamp").alias("rated_at"),
        )

    def _validity(self) -> dict[str, pl.Expr]:
        # A day of tolerance allows for inaccurate clocks. A later rating would take precedence over all future ones.
        latest = int(time.time()) + _DAY_S
        return {
            "userId": pl.col("userId").is_between(1, LARGEST_ID),
            "movieId": pl.col("movieId").is_between(1, LARGEST_ID),
            "rating": is_on_scale(pl.col("rating"), self._scale),
            "timestamp": pl.col("timestamp").is_between(0, latest),
        }

    def _all_valid(self) -> pl.Expr:
        return pl.all_horizontal(self._validity().values()).fill_null(value=False)

    def _parse_rating(self) -> pl.Expr:
        text = _stripped("rating")
        if self._format.separator != ",":
            text = text.str.replace(",", ".", literal=True)
        if self._scale is Scale.THUMBS:
            text = text.str.to_lowercase().replace(THUMBS_WORDS)
        return text.cast(pl.Float64, strict=False)

    def _reason(self) -> pl.Expr:
        """Return the first reason for which a row is not usable."""
        values = "0.5, 1.0, … 5.0" if self._scale is Scale.STARS else f"the scale {self._scale.value}"
        reasons = _REASONS | {"rating": f"rating {{}} is not one of {values}"}
        return pl.coalesce(
            pl.when(~valid.fill_null(value=False)).then(pl.format(reasons[name], pl.col(_text_of(name))))
            for name, valid in self._validity().items()
        )


def _text_of(name: str) -> str:
    return f"{name} as text"


def _stripped(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars(' \t"')


def _parse_id(name: str) -> pl.Expr:
    """Parse whole numbers, also those written like "1.0"."""
    return _stripped(name).str.replace(r"^(\d+)\.0*$", "$1").cast(pl.Int64, strict=False)


def _parse_time() -> pl.Expr:
    """Parse seconds, milliseconds and UTC dates to whole seconds since 1970."""
    text = _stripped("timestamp")
    number = text.str.extract(r"^(-?\d{1,18})(?:\.\d*)?$").cast(pl.Int64, strict=False)
    seconds = pl.when(number >= _FIRST_MILLISECOND).then(number // 1000).otherwise(number)
    date = text.str.replace(r"^(\d{4})[-/](\d\d?)[-/](\d\d?)T?", "$1-$2-$3 ").str.replace(r"\s*(?:Z|UTC|GMT)?$", "")
    with_offset = date.str.to_datetime(_DATE_FORMAT_WITH_OFFSET, strict=False).dt.replace_time_zone(None)
    dates = [date.str.to_datetime(each, strict=False) for each in _DATE_FORMATS]
    return pl.coalesce(seconds, pl.coalesce(*dates, with_offset).dt.epoch("s")).alias("timestamp")
