"""Rating scales: the conversion to stars, and the detection of a file on another scale."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import polars as pl

from server.command_errors import SourceError

LOWEST, HIGHEST, _STEP = 0.5, 5.0, 0.5


class Scale(StrEnum):
    """The scale of a ratings file. Ratings on all scales but STARS are rounded to half stars."""

    STARS = "0.5-5"
    ONE_TO_FIVE = "1-5"
    ONE_TO_TEN = "1-10"
    PERCENT = "0-100"
    THUMBS = "thumbs"


RANGES: Final = {
    Scale.STARS: (LOWEST, HIGHEST),
    Scale.ONE_TO_FIVE: (0, 5),
    Scale.ONE_TO_TEN: (0, 10),
    Scale.PERCENT: (0, 100),
    Scale.THUMBS: (-1, 1),
}
_STARS_PER_UNIT: Final = {Scale.ONE_TO_FIVE: 1.0, Scale.ONE_TO_TEN: 0.5, Scale.PERCENT: 0.05}
_NARROW_FIRST: Final = (Scale.THUMBS, Scale.ONE_TO_FIVE, Scale.ONE_TO_TEN, Scale.PERCENT)
THUMBS_UP, THUMBS_DOWN = 5.0, 1.0
THUMBS_WORDS: Final = {
    **dict.fromkeys(("up", "like", "liked", "true", "yes", "thumbs up", "thumbs_up"), "1"),
    **dict.fromkeys(("down", "dislike", "disliked", "false", "no", "thumbs down", "thumbs_down"), "0"),
}


def is_on_scale(rating: pl.Expr, scale: Scale) -> pl.Expr:
    """Return whether ratings are values of the scale."""
    low, high = RANGES[scale]
    if scale is Scale.STARS:
        return rating.is_in([half_stars / 2 for half_stars in range(1, 11)])
    return rating.is_in([-1.0, 0.0, 1.0]) if scale is Scale.THUMBS else rating.is_between(low, high)


def to_stars(rating: pl.Expr, scale: Scale) -> pl.Expr:
    """Convert ratings to 0.5 to 5 stars in half steps."""
    if scale is Scale.STARS:
        return rating
    if scale is Scale.THUMBS:
        return pl.when(rating > 0).then(THUMBS_UP).otherwise(THUMBS_DOWN).alias("rating")
    half_stars = (rating * (2 * _STARS_PER_UNIT[scale]) + 0.5).floor()
    return (half_stars / 2).clip(LOWEST, HIGHEST)


@dataclass(frozen=True, slots=True)
class _Tolerance:
    """The number and share of ratings off the scale that count as errors of single rows."""

    rows: int
    share: float


# Values far above the range are the surest sign of another scale. A few zeros or odd fractions may be mistakes.
_ABOVE = _Tolerance(0, 0.01)
_BELOW = _Tolerance(9, 0.01)
_BETWEEN_STEPS = _Tolerance(9, 0.1)


class ScaleGuard:
    """Refuses a file as a whole when a part of its ratings shows that it is on another scale."""

    def __init__(self, name: str, scale: Scale) -> None:
        self._name = name
        self._scale = scale
        self._count = self._above = self._below = self._between = 0
        self._low, self._high = float("inf"), float("-inf")

    def count_valid(self, ratings: pl.Series) -> None:
        """Add ratings that are all on the scale, which is faster."""
        self._count += ratings.len()
        self._extend_range(ratings)

    def count(self, ratings: pl.Series) -> None:
        """Add the numeric ratings of a batch. Raises SourceError with the range seen so far and the option to use."""
        ratings = ratings.filter(ratings.is_finite())
        if ratings.is_empty():
            return
        low, high = RANGES[self._scale]
        clearly_above = high + (_STEP if self._scale is Scale.STARS else 0)
        self._extend_range(ratings)
        self._count += ratings.len()
        self._above += int((ratings > clearly_above).sum())
        self._below += int((ratings < low).sum())
        self._between += self._count_between_steps(ratings)
        if self._is_other_scale():
            raise SourceError(self._explain())

    def _extend_range(self, ratings: pl.Series) -> None:
        if ratings.is_empty():
            return
        low, high = ratings.min(), ratings.max()
        self._low = min(self._low, float(low))  # type: ignore[arg-type]  # a number
        self._high = max(self._high, float(high))  # type: ignore[arg-type]  # a number

    def _count_between_steps(self, ratings: pl.Series) -> int:
        if self._scale is not Scale.STARS:
            return 0
        return int((ratings.is_between(LOWEST, HIGHEST) & ((ratings * 2) % 1 != 0)).sum())

    def _is_other_scale(self) -> bool:
        counts = ((self._above, _ABOVE), (self._below, _BELOW), (self._between, _BETWEEN_STEPS))
        looks_like_thumbs = self._scale is Scale.STARS and self._below > 0 and self._high <= 1 and self._count > 1
        return looks_like_thumbs or any(
            count > tolerance.rows and count >= tolerance.share * self._count for count, tolerance in counts
        )

    def _explain(self) -> str:
        seen = f"{self._name} contains ratings from {self._low:g} to {self._high:g}"
        if self._scale is not Scale.STARS:
            return f"{seen}, which is not the scale {self._scale.value}. Nothing was loaded."
        fitting = [scale for scale in _NARROW_FIRST if self._fits(scale)]
        scales = ", ".join(scale.value for scale in _NARROW_FIRST)
        advice = f"Load it with --scale {fitting[0].value}" if fitting else "None of the known scales contains them"
        return f"{seen}, not 0.5 to 5 stars in half steps. Nothing was loaded. {advice} (scales: {scales})."

    def _fits(self, scale: Scale) -> bool:
        low, high = RANGES[scale]
        return low <= self._low and self._high <= high
