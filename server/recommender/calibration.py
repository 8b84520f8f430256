"""From scores to probabilities: Platt scaling, and how far the result is to be believed."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import minimize
from scipy.special import expit, logit

from server.recommender.base import Record

PRIOR_RATINGS = 5
"""A user's own share of likes counts as much as everyone's when he has rated so many movies."""

MIN_SCORE_SLOPE = 1e-3
"""Keeps the probability rising with the score, even where the pairs do not show that it does."""

MARGIN = 1e-12
"""How close a probability may come to 0 and to 1."""

BINS = 10


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a user and a movie in columns of one length: what a probability is made from."""

    scores: NDArray[np.float64]
    ranks: NDArray[np.int64]
    """How many movies that the user has not rated have a higher score."""
    user_likes: NDArray[np.int64]
    """How many movies the user is known to like."""
    user_ratings: NDArray[np.int64]
    """How many movies the user is known to have rated."""


@dataclass(frozen=True, eq=False)
class RatedPairs(Pairs):
    """Pairs with the outcome, kept out of the ratings that the scores were made from."""

    users: NDArray[np.int64]
    liked: NDArray[np.bool_]

    def of_users(self, users: NDArray[np.int64]) -> Self:
        """Keep the pairs of these users."""
        chosen = np.isin(self.users, users)
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))


class Calibrator(Record):
    """P(the user likes the movie | he rates it), as the logistic function of a sum of four terms.

    The sum rises with the score and falls with its rank; what is known of the user alone is the same for all
    movies. So for one user the order of the probabilities is the order of the scores, strictly.
    """

    rank_slope: float = Field(ge=0, description="Weight of -log(1 + rank).")
    score_slope: float = Field(ge=MIN_SCORE_SLOPE, description="Weight of the score.")
    user_slope: float = Field(description="Weight of the log odds that the user likes what he rates.")
    intercept: float
    like_share: float = Field(gt=0, lt=1, description="Share of likes among all pairs: what a new user starts from.")

    @classmethod
    def fit(cls, pairs: RatedPairs) -> Self:
        """Fit the weights by maximum likelihood; a unit Gaussian prior keeps few pairs from extremes.

        Needs pairs of both outcomes. Platt, Probabilistic outputs for support vector machines (1999).
        """
        like_share = float(pairs.liked.mean())
        inputs = _inputs(pairs, like_share)
        penalties = np.array([1, 1, 1, 0])

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            logits = inputs @ weights
            losses = np.logaddexp(0, logits) - pairs.liked * logits
            gradient = inputs.T @ (expit(logits) - pairs.liked) + penalties * weights
            return losses.sum() + penalties @ weights**2 / 2, gradient

        bounds = [(0, None), (MIN_SCORE_SLOPE, None), (None, None), (None, None)]
        start = np.array([0, MIN_SCORE_SLOPE, 0, 0])
        weights = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
        return cls(
            rank_slope=weights[0],
            score_slope=weights[1],
            user_slope=weights[2],
            intercept=weights[3],
            like_share=like_share,
        )

    def probabilities(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the probability of each pair, greater than 0 and less than 1."""
        weights = np.array([self.rank_slope, self.score_slope, self.user_slope, self.intercept])
        # A matrix product may round a pair differently in a longer list; this sum does not.
        logits = np.sum(_inputs(pairs, self.like_share) * weights, axis=1)
        probabilities: NDArray[np.float64] = expit(logits)
        return np.clip(probabilities, MARGIN, 1 - MARGIN)


def _inputs(pairs: Pairs, like_share: float) -> NDArray[np.float64]:
    """Return what the weights of a calibrator weigh: pairs by 4."""
    user_shares = (pairs.user_likes + PRIOR_RATINGS * like_share) / (pairs.user_ratings + PRIOR_RATINGS)
    return np.column_stack([
        -np.log1p(pairs.ranks),
        pairs.scores,
        logit(user_shares),
        np.ones(pairs.scores.size),
    ])


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


def calibration_metrics(probabilities: NDArray[np.float64], liked: NDArray[np.bool_]) -> CalibrationMetrics:
    """Measure probabilities of pairs of both outcomes."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score  # noqa: PLC0415 (slow to import)

    table = reliability_table(probabilities, liked)
    return CalibrationMetrics(
        calibration_pairs=liked.size,
        ece=sum(row.pairs * abs(row.mean_predicted - row.observed) for row in table) / liked.size,
        brier=float(brier_score_loss(liked, probabilities)),
        log_loss=float(log_loss(liked, probabilities)),
        auc=float(roc_auc_score(liked, probabilities)),
    )
