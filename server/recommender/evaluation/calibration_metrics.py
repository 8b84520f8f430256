"""Calibration metrics: predicted against observed probabilities, on held-out ratings."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.data.record import Record

BINS = 10

TOP = 20
"""Held-out movies among this many first of a user's list are also measured separately."""

SMALLEST = float(np.finfo(np.float64).eps)
"""The logarithm of an outcome that was held for impossible is that of this probability, as in scikit-learn."""

SIMULATIONS = 50
"""Number of random outcomes drawn from the probabilities to estimate the error of chance."""


class CalibrationBin(Record):
    """The pairs with a probability between two bounds: predicted against observed."""

    lower: float
    upper: float
    pairs: int
    mean_predicted: float
    observed: float = Field(description="Share of positive ratings among the pairs.")


class CalibrationMetrics(Record):
    """Quality of probabilities on held-out ratings of users on whom the calibrator was not fitted."""

    calibration_pairs: int = Field(description="Number of held-out ratings.")
    ece: float = Field(description="Expected calibration error: the mean gap between predicted and observed, by bin.")
    ece_floor: float = Field(
        description="The error of perfect probabilities on the same number of ratings, by chance alone."
    )
    ece_top_20: float = Field(description="The error for movies that were among the first 20 of the user's list.")
    ece_top_20_floor: float = Field(description="The error of chance there.")
    brier: float = Field(description="Mean squared error of the probability.")
    log_loss: float = Field(description="Mean negative log likelihood.")
    auc: float = Field(description="Probability that a positive rating has a higher probability than another rating.")


def reliability_table(probabilities: NDArray[np.float64], liked: NDArray[np.bool_]) -> tuple[CalibrationBin, ...]:
    """Return predicted and observed shares in ten bins of equal width, without empty bins."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return tuple(
        CalibrationBin(
            lower=int(number) / BINS,
            upper=(int(number) + 1) / BINS,
            pairs=int(np.sum(bins == number)),
            mean_predicted=float(probabilities[bins == number].mean()),
            observed=float(liked[bins == number].mean()),
        )
        for number in np.unique(bins)
    )


def calibration_metrics(
    probabilities: NDArray[np.float64], liked: NDArray[np.bool_], ranks: NDArray[np.int64]
) -> CalibrationMetrics:
    """Return the metrics of probabilities of pairs of both outcomes, with the ranks in the users' lists."""
    # Not by scikit-learn, whose import alone takes longer: the row "calibrating" of `make bench-train`.
    is_top = ranks < TOP
    of_outcome = np.where(liked, probabilities, 1 - probabilities)
    return CalibrationMetrics(
        calibration_pairs=liked.size,
        ece=calibration_error(probabilities, liked),
        ece_floor=noise_floor(probabilities),
        ece_top_20=calibration_error(probabilities[is_top], liked[is_top]),
        ece_top_20_floor=noise_floor(probabilities[is_top]),
        brier=float(np.mean((probabilities - liked) ** 2)),
        log_loss=float(-np.log(np.maximum(of_outcome, SMALLEST)).mean()),
        auc=_area_under_curve(probabilities, liked),
    )


def calibration_error(probabilities: NDArray[np.float64], liked: NDArray[np.bool_]) -> float:
    """Return the mean gap between predicted and observed over ten bins of equal width; 0 without pairs."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, probabilities - liked, BINS)
    return float(np.abs(gaps).sum()) / max(liked.size, 1)


def _area_under_curve(probabilities: NDArray[np.float64], liked: NDArray[np.bool_]) -> float:
    """Return the share of pairs of a positive and another rating in the right order; equal ones count half."""
    positive, others = probabilities[liked], np.sort(probabilities[~liked])
    lower = others.searchsorted(positive, side="left") + others.searchsorted(positive, side="right")
    return float(lower.mean() / 2 / others.size)


def noise_floor(probabilities: NDArray[np.float64]) -> float:
    """Return the mean calibration error of outcomes drawn from the probabilities; seeded."""
    random = np.random.default_rng(0)
    errors = [
        calibration_error(probabilities, random.random(probabilities.size) < probabilities) for _ in range(SIMULATIONS)
    ]
    return float(np.mean(errors))
