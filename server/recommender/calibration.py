"""Calibration: from scores to probabilities, by a monotone function of the score and features of the user."""

import math
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.data.pairs import OfUser, Pairs, RatedPairs
from server.recommender.data.record import Record

USER_PRIOR_RATINGS = 5
"""A user's share of positive ratings is shrunken towards everyone's as if by this many ratings."""

RECENT_PRIOR_RATINGS = 3
"""The same for the shares of the user's recent ratings."""

MIN_RISE = 1e-3
"""The smallest slope: the probability rises with the score even if the pairs do not show it."""

MARGIN = 1e-4
"""The smallest distance of a probability to 0 and to 1."""

FEW_PAIRS = 2_000
"""With fewer pairs the curve is one straight line: more freedom would overfit."""

KNOTS_OF_FEW = (0.05, 0.95)
KNOTS_OF_MANY = (0.02, 0.2, 0.4, 0.6, 0.75, 0.87, 0.95, 0.99)
"""Quantiles of the scores at the knots of the curve; denser at the top, where lists are made."""


class Inputs(Record):
    """The features of a calibrator and their scales."""

    knots: tuple[float, ...] = Field(min_length=2, description="Scores at the knots of the piecewise-linear curve.")
    like_share: float = Field(
        gt=0, lt=1, description="Share of positive ratings among all pairs: the prior of a new user."
    )
    good_share: float = Field(gt=0, lt=1, description="The same, of ratings of 3.5 stars or more.")
    fewest_ratings: int = Field(ge=0, description="The number of ratings of a user is clipped to this minimum.")
    most_ratings: int = Field(
        ge=0, description="The number of ratings is clipped to this maximum: activity is not extrapolated."
    )

    @classmethod
    def of(cls, pairs: RatedPairs) -> Self:
        """Return the scales for pairs of both outcomes."""
        like_share = float(pairs.liked.mean())
        return cls(
            knots=_choose_knots(pairs.scores),
            like_share=like_share,
            # One pseudo-rating keeps the share away from 0 and 1.
            good_share=float((pairs.recent_good.sum() + like_share) / (pairs.recent_ratings.sum() + 1)),
            fewest_ratings=int(pairs.user_ratings.min()),
            most_ratings=int(pairs.user_ratings.max()),
        )

    def curve_terms(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return pairs by segments of the curve: the part of each segment below the score."""
        knots, widths, lowest, highest = _segments(self.knots)
        covered: NDArray[np.float64] = (pairs.scores[:, None] - knots) / widths
        return np.minimum(np.maximum(covered, lowest), highest)

    def terms(self, pairs: Pairs) -> tuple[OfUser, ...]:
        """Return the other features: four of the user, and two of the rank."""
        shares = (pairs.user_likes + USER_PRIOR_RATINGS * self.like_share) / (pairs.user_ratings + USER_PRIOR_RATINGS)
        recent_ratings = pairs.recent_ratings + RECENT_PRIOR_RATINGS
        recent_shares = (pairs.recent_likes + RECENT_PRIOR_RATINGS * self.like_share) / recent_ratings
        good_shares = (pairs.recent_good + RECENT_PRIOR_RATINGS * self.good_share) / recent_ratings
        activity = np.minimum(np.maximum(pairs.user_ratings, self.fewest_ratings), self.most_ratings)
        places = -np.log1p(pairs.ranks)
        about_user = _logit(shares), _logit(recent_shares), _logit(good_shares), np.log1p(activity)
        return *about_user, places, places * (1 - recent_shares)


class Calibrator(Record):
    """P(rating of 4 stars or more | the user rates the movie), by a logistic regression.

    The log odds rise with the score, piecewise linearly, and fall with the rank. Features of the user are the same for
    all movies, so the order of one user's probabilities is the order of the scores.
    """

    inputs: Inputs
    rises: tuple[float, ...] = Field(min_length=1, description="Rise from each knot to the next, in log odds.")
    rank_slope: float = Field(ge=0, description="Weight of -log(1 + rank).")
    critic_slope: float = Field(ge=0, description="The same, times the share of recent ratings that are not positive.")
    share_slope: float = Field(description="Weight of the log odds of a positive rating by the user.")
    recent_slope: float = Field(description="The same of the recent ratings.")
    good_slope: float = Field(description="Weight of the log odds of 3.5 stars or more among the recent ratings.")
    activity_slope: float = Field(description="Weight of log(1 + number of ratings of the user).")
    intercept: float

    @classmethod
    def fit(cls, pairs: RatedPairs) -> Self:
        """Fit the weights to pairs of both outcomes, by maximum likelihood with a unit Gaussian prior.

        Platt, Probabilistic outputs for support vector machines (1999), with a monotone curve instead of a line.
        """
        inputs = Inputs.of(pairs)
        n_rises = len(inputs.knots) - 1
        *about_user, rank, critic = inputs.terms(pairs)
        floors = [MIN_RISE] * n_rises + [0.0, 0.0]
        columns = np.column_stack([inputs.curve_terms(pairs), rank, critic, *about_user, np.ones(pairs.scores.size)])
        weights = _maximise_likelihood(columns, pairs.liked, floors).tolist()
        names = (
            "rank_slope",
            "critic_slope",
            "share_slope",
            "recent_slope",
            "good_slope",
            "activity_slope",
            "intercept",
        )
        slopes = dict(zip(names, weights[n_rises:], strict=True))
        return cls(inputs=inputs, rises=tuple(weights[:n_rises]), **slopes)

    @classmethod
    def of_prior(cls, *, n_likes: int, n_ratings: int) -> Self:
        """Return a calibrator without features: the share of positive ratings, shrunken towards one half.

        For ratings that are too few, or too much alike, to fit anything.
        """
        like_share = (n_likes + 1) / (n_ratings + 2)
        inputs = Inputs(knots=(0, 1), like_share=like_share, good_share=like_share, fewest_ratings=0, most_ratings=0)
        return cls(
            inputs=inputs,
            rises=(MIN_RISE,),
            rank_slope=0,
            critic_slope=0,
            share_slope=0,
            recent_slope=0,
            good_slope=0,
            activity_slope=0,
            intercept=math.log(like_share / (1 - like_share)),
        )

    def probabilities(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the probability of each pair, between 0 and 1, both excluded."""
        share, recent, good, activity, rank, critic = self.inputs.terms(pairs)
        of_user = (
            self.share_slope * share
            + self.recent_slope * recent
            + self.good_slope * good
            + self.activity_slope * activity
            + self.intercept
        )
        # A matrix product may round differently in a longer list; this sum does not.
        of_score = np.sum(self.inputs.curve_terms(pairs) * self.rises, axis=1)
        log_odds = of_score + self.rank_slope * rank + self.critic_slope * critic + of_user
        probabilities: NDArray[np.float64] = np.minimum(np.maximum(_expit(log_odds), MARGIN), 1 - MARGIN)
        return probabilities


NEW_USER_RATINGS = 20
ESTABLISHED_RATINGS = 40
"""Up to the first number of ratings the calibrator of new users decides, from the second on that of the others.

Between the two the log odds change linearly from the one to the other.
"""


class UserCalibrators(Record):
    """Two calibrators: the ratings of new users follow other patterns than those of established users."""

    established: Calibrator
    new: Calibrator | None = Field(description="None if too few users could be held out to fit it.")

    def probabilities(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the probabilities of pairs of one user."""
        weight = (float(pairs.user_ratings) - NEW_USER_RATINGS) / (ESTABLISHED_RATINGS - NEW_USER_RATINGS)
        if self.new is None or weight >= 1:
            return self.established.probabilities(pairs)
        new = self.new.probabilities(pairs)
        if weight <= 0:
            return new
        mixed = weight * _logit(self.established.probabilities(pairs)) + (1 - weight) * _logit(new)
        return _expit(np.asarray(mixed))


def _choose_knots(scores: NDArray[np.float64]) -> tuple[float, ...]:
    quantiles = KNOTS_OF_FEW if scores.size < FEW_PAIRS else KNOTS_OF_MANY
    knots = np.unique(np.quantile(scores, quantiles)).tolist()
    return tuple(knots) if len(knots) > 1 else (knots[0], knots[0] + 1)


@lru_cache
def _segments(knots: tuple[float, ...]) -> tuple[NDArray[np.float64], ...]:
    """Return start and width of each segment of the curve, and the least and most of it that a score can cover.

    The first and the last segment are unbounded.
    """
    lowest, highest = np.zeros(len(knots) - 1), np.ones(len(knots) - 1)
    lowest[0], highest[-1] = -np.inf, np.inf
    return np.array(knots[:-1]), np.diff(knots), lowest, highest


def _maximise_likelihood(
    inputs: NDArray[np.float64], liked: NDArray[np.bool_], floors: list[float]
) -> NDArray[np.float64]:
    """Fit a logistic regression; ``floors`` bound the first weights from below, the last weight is the intercept."""
    from scipy.optimize import minimize  # noqa: PLC0415 (slow to import; serving never fits)

    n_weights = inputs.shape[1]
    penalties = np.append(np.ones(n_weights - 1), 0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = inputs @ weights
        losses = np.logaddexp(0, logits) - liked * logits
        gradient = inputs.T @ (_expit(logits) - liked) + penalties * weights
        return losses.sum() + penalties @ weights**2 / 2, gradient

    bounds = [(floor, None) for floor in floors] + [(None, None)] * (n_weights - len(floors))
    start = np.append(floors, np.zeros(n_weights - len(floors)))
    weights: NDArray[np.float64] = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return weights


def _expit(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of log odds. The import of SciPy's function would delay every start by 0.1 s."""
    probabilities: NDArray[np.float64] = np.exp(-np.logaddexp(0, -logits))
    return probabilities


def _logit(probabilities: OfUser) -> OfUser:
    """Return the log odds of probabilities."""
    logits: OfUser = np.log(probabilities) - np.log1p(-probabilities)
    return logits
