"""How far probabilities are to be believed: predicted against observed, on held-out ratings."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.algorithms.base import Record

BINS = 10

TOP = 20
"""Held-out movies that were among so many first of a user's list are looked at by themselves."""

SIMULATIONS = 50
"""How often ratings are drawn from the probabilities themselves, to see what error is left to chance."""


class ReliabilityBin(Record):
    """The pairs whose probability lies between two bounds: what was predicted, and what came of it."""

    lower: float
    upper: float
    pairs: int
    mean_predicted: float
    observed: float = Field(description="Share of the pairs that were likes.")


class CalibrationMetrics(Record):
    """Quality of probabilities on held-out ratings of users on whom the calibrator was not fitted."""

    calibration_pairs: int = Field(description="How many ratings it was measured on.")
    ece: float = Field(description="Expected calibration error: the mean gap between predicted and observed, by bin.")
    ece_floor: float = Field(description="What true probabilities would show in as many ratings, by chance alone.")
    ece_top_20: float = Field(description="The error for movies that were among the first 20 of the user's list.")
    ece_top_20_floor: float = Field(description="What chance alone would show there.")
    brier: float = Field(description="Mean squared error of the probability.")
    log_loss: float = Field(description="Mean negative log likelihood.")
    auc: float = Field(description="How often a like has a higher probability than another rating.")


def reliability_table(probabilities: NDArray[np.float64], liked: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """Compare predicted with observed in ten bins of equal width; empty bins are left out."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return tuple(
        ReliabilityBin(
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
    """Measure probabilities of pairs of both outcomes, each with its rank in the user's list."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score  # noqa: PLC0415 (slow to import)

    is_top = ranks < TOP
    return CalibrationMetrics(
        calibration_pairs=liked.size,
        ece=calibration_error(probabilities, liked),
        ece_floor=noise_floor(probabilities),
        ece_top_20=calibration_error(probabilities[is_top], liked[is_top]),
        ece_top_20_floor=noise_floor(probabilities[is_top]),
        brier=float(brier_score_loss(liked, probabilities)),
        log_loss=float(log_loss(liked, probabilities)),
        auc=float(roc_auc_score(liked, probabilities)),
    )


def calibration_error(probabilities: NDArray[np.float64], liked: NDArray[np.bool_]) -> float:
    """Return the mean gap between predicted and observed over ten bins of equal width; 0 of nothing."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, probabilities - liked, BINS)
    return float(np.abs(gaps).sum()) / max(liked.size, 1)


def noise_floor(probabilities: NDArray[np.float64]) -> float:
    """Return the mean calibration error of outcomes that are drawn from the probabilities; seeded."""
    random = np.random.default_rng(0)
    errors = [
        calibration_error(probabilities, random.random(probabilities.size) < probabilities) for _ in range(SIMULATIONS)
    ]
    return float(np.mean(errors))
