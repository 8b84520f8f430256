"""Calibration: from scores to probabilities, by a monotone function of the score and features of the user."""

import math
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.data.pairs import OfUser, Pairs, RatedPairs
from server.recommender.data.record import Record

USER_PRIOR_RATINGS = 5
"""A user's share of positive ratings is shrunken towards everyone's as if by this many ratings."""

RECENT_PRIOR_RATINGS = 3
"""The same for the shares of the user's recent ratings."""

PRIOR_STARS = 3.5
"""The mean stars that one pseudo-rating has, for pairs of users without ratings only."""

STRANGER_RANKS = 10
"""The rank from which the probabilities of strangers, users without positive ratings, fall with its logarithm."""

HEAD_RANKS = 10
"""The effect of the head of a list has half of its weight at this rank."""

STRANGER_LIKES = 6
"""The curve of strangers has half of the weight for a user with this number of positive ratings."""

MIN_RISE = 1e-3
"""The smallest slope: the probability rises with the score even if the pairs do not show it."""

MIN_FIRST_SLOPE = 0.8
"""The smallest slope of the first ratings: one rating of 5 stars raises a user's probabilities by some hundredths."""

MARGIN = 1e-4
"""The smallest distance of a probability to 0 and to 1."""

MAX_PAIRS = 100_000
"""Of more pairs a sample is fitted: the standard error of a share is then below 0.002."""

FEW_PAIRS = 2_000
"""With fewer pairs the curve is one straight line: more freedom would overfit."""

MAX_STEPS = 100
"""Steps of a fit. About ten are enough; the bound only makes sure that it ends."""

TOLERANCE = 1e-6
"""A fit ends when a step promises a smaller gain in log likelihood, of all pairs together."""

STEP_SHARES = tuple(0.5**n for n in range(12))
"""A step that does not reduce the loss as expected is halved, at most this often."""

SUFFICIENT_DECREASE = 1e-4
"""The part of the expected decrease that a step must reach (Armijo)."""

KNOTS_OF_STRANGERS = (0.05, 0.5, 0.95)
"""The same of the scores of users without positive ratings."""

KNOTS_OF_FEW = (0.05, 0.95)
KNOTS_OF_MANY = (0.02, 0.2, 0.4, 0.6, 0.75, 0.87, 0.95, 0.99)
"""Quantiles of the scores at the knots of the curve; denser at the top, where lists are made."""


class Inputs(Record):
    """The features of a calibrator and their scales."""

    knots: tuple[float, ...] = Field(min_length=2, description="Scores at the knots of the piecewise-linear curve.")
    stranger_knots: tuple[float, ...] = Field(
        description="The same of users without positive ratings, whose scores are popularity; none without such users."
    )
    like_share: float = Field(
        gt=0, lt=1, description="Share of positive ratings among all pairs: the prior of a new user."
    )
    good_share: float = Field(gt=0, lt=1, description="The same, of ratings of 3.5 stars or more.")
    mean_stars: float = Field(ge=0, le=5, description="Mean stars: the prior of a new user.")
    fewest_ratings: int = Field(ge=0, description="The number of ratings of a user is clipped to this minimum.")
    most_ratings: int = Field(
        ge=0, description="The number of ratings is clipped to this maximum: activity is not extrapolated."
    )

    @classmethod
    def of(cls, pairs: RatedPairs) -> Self:
        """Return the scales for pairs of both outcomes."""
        like_share = float(pairs.liked.mean())
        strangers = pairs.scores[pairs.user_likes == 0]
        return cls(
            knots=_choose_knots(pairs.scores, KNOTS_OF_FEW if pairs.scores.size < FEW_PAIRS else KNOTS_OF_MANY),
            stranger_knots=_choose_knots(strangers, KNOTS_OF_STRANGERS) if strangers.size else (),
            like_share=like_share,
            # One pseudo-rating keeps the share away from 0 and 1.
            good_share=float((pairs.recent_good.sum() + like_share) / (pairs.recent_ratings.sum() + 1)),
            mean_stars=float((pairs.user_stars.sum() + PRIOR_STARS) / (pairs.user_ratings.sum() + 1)),
            fewest_ratings=int(pairs.user_ratings.min()),
            most_ratings=int(pairs.user_ratings.max()),
        )

    def curve_terms(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return pairs by segments of both curves: the part of each segment below the score, times the curve's weight.

        The second curve is that of strangers. It has all the weight for users without positive ratings.
        """
        segments = _segments_of(self.knots, self.stranger_knots)
        covered = (pairs.scores[:, None] - segments.starts) / segments.widths
        np.maximum(covered, segments.lowest, out=covered)
        np.minimum(covered, segments.highest, out=covered)
        strangeness = np.reshape(self.strangeness(pairs), (-1, 1))
        first = len(self.knots) - 1
        covered[:, :first] *= 1 - strangeness
        covered[:, first:] *= strangeness
        return covered

    def strangeness(self, pairs: Pairs) -> OfUser:
        """Return the weight of the curve of strangers: 1 without positive ratings; 0 if there is no such curve."""
        strangeness: OfUser = STRANGER_LIKES / (STRANGER_LIKES + pairs.user_likes) * bool(self.stranger_knots)
        return strangeness

    def terms(self, pairs: Pairs) -> tuple[OfUser, ...]:
        """Return the other features: four of the rank, and seven of the user."""
        shares = (pairs.user_likes + USER_PRIOR_RATINGS * self.like_share) / (pairs.user_ratings + USER_PRIOR_RATINGS)
        recent_ratings = pairs.recent_ratings + RECENT_PRIOR_RATINGS
        recent_shares = (pairs.recent_likes + RECENT_PRIOR_RATINGS * self.like_share) / recent_ratings
        good_shares = (pairs.recent_good + RECENT_PRIOR_RATINGS * self.good_share) / recent_ratings
        own_stars = pairs.user_stars - self.mean_stars * pairs.user_ratings
        generosity = own_stars / (pairs.user_ratings + USER_PRIOR_RATINGS)
        activity = np.minimum(np.maximum(pairs.user_ratings, self.fewest_ratings), self.most_ratings)
        places = -np.log1p(pairs.ranks)
        of_ratings = _logit(shares), _logit(recent_shares), _logit(good_shares)
        strangeness = self.strangeness(pairs)
        of_list = (1 - strangeness) * places
        # Of positive ratings, not of all: one more low rating must not raise a probability.
        heads = _establishment(pairs.user_likes) / (1 + pairs.ranks / HEAD_RANKS)
        praise = np.maximum(_logit(recent_shares) - math.log(self.like_share / (1 - self.like_share)), 0)
        return (
            of_list,
            of_list * (1 - recent_shares),
            heads * praise,
            -strangeness * np.log1p(pairs.ranks / STRANGER_RANKS),
            *of_ratings,
            generosity,
            np.maximum(own_stars, -1.0 * pairs.user_ratings) / (1.0 + pairs.user_ratings) ** 2,
            np.log1p(activity),
            strangeness,
        )


RISING_SLOPES = (
    "rank_slope",
    "critic_slope",
    "praise_slope",
    "popular_slope",
    "share_slope",
    "recent_slope",
    "good_slope",
    "stars_slope",
    "first_slope",
)
"""The slopes that are not negative."""


class Calibrator(Record):
    """P(rating of 4 stars or more | the user rates the movie), by a logistic regression.

    The log odds rise with the score, piecewise linearly, and fall with the rank. Features of the user are the same for
    all movies, so the order of one user's probabilities is the order of the scores.
    """

    inputs: Inputs
    rises: tuple[float, ...] = Field(
        min_length=1, description="Rise from each knot to the next, in log odds, on both curves."
    )
    rank_slope: float = Field(ge=0, description="Weight of -log(1 + rank).")
    critic_slope: float = Field(ge=0, description="The same, times the share of recent ratings that are not positive.")
    praise_slope: float = Field(
        ge=0,
        description="Weight of the log odds of a recent positive rating above everyone's, at the head of the list: "
        "half at rank 10.",
    )
    popular_slope: float = Field(
        ge=0, description="The slope of the rank for strangers: weight of -log(1 + rank / 10)."
    )
    share_slope: float = Field(ge=0, description="Weight of the log odds of a positive rating by the user.")
    recent_slope: float = Field(ge=0, description="The same of the recent ratings.")
    good_slope: float = Field(ge=0, description="Weight of the log odds of 3.5 stars or more among the recent ratings.")
    stars_slope: float = Field(ge=0, description="Weight of the user's mean stars above the common mean.")
    first_slope: float = Field(ge=0, description="The same of the first few ratings.")
    activity_slope: float = Field(description="Weight of log(1 + number of ratings of the user).")
    stranger_slope: float = Field(description="Weight of the weight of the curve of strangers.")
    intercept: float

    @classmethod
    def fit(cls, pairs: RatedPairs) -> Self:
        """Fit the weights to pairs of both outcomes, by maximum likelihood with a unit Gaussian prior.

        Platt, Probabilistic outputs for support vector machines (1999), with a monotone curve instead of a line.
        """
        if pairs.liked.size > MAX_PAIRS:
            pairs = pairs.where(np.random.default_rng(0).permutation(pairs.liked.size) < MAX_PAIRS)
        inputs = Inputs.of(pairs)
        curves, terms = inputs.curve_terms(pairs), np.column_stack(inputs.terms(pairs))
        n_rises = curves.shape[1]
        # More positive ratings never lower a probability.
        floors = [MIN_RISE] * n_rises + [0.0] * (len(RISING_SLOPES) - 1) + [MIN_FIRST_SLOPE]
        columns = np.column_stack([curves, terms, np.ones(pairs.scores.size)])
        weights = _maximise_likelihood(columns, pairs.liked, floors).tolist()
        names = *RISING_SLOPES, "activity_slope", "stranger_slope", "intercept"
        slopes = dict(zip(names, weights[n_rises:], strict=True))
        return cls(inputs=inputs, rises=tuple(weights[:n_rises]), **slopes)

    @classmethod
    def of_prior(cls, *, n_likes: int, n_ratings: int) -> Self:
        """Return a calibrator without features: the share of positive ratings, shrunken towards one half.

        For ratings that are too few, or too much alike, to fit anything.
        """
        like_share = (n_likes + 1) / (n_ratings + 2)
        inputs = Inputs(
            knots=(0, 1),
            stranger_knots=(),
            like_share=like_share,
            good_share=like_share,
            mean_stars=PRIOR_STARS,
            fewest_ratings=0,
            most_ratings=0,
        )
        return cls(
            inputs=inputs,
            rises=(MIN_RISE,),
            rank_slope=0,
            critic_slope=0,
            praise_slope=0,
            popular_slope=0,
            share_slope=0,
            recent_slope=0,
            good_slope=0,
            stars_slope=0,
            first_slope=0,
            activity_slope=0,
            stranger_slope=0,
            intercept=math.log(like_share / (1 - like_share)),
        )

    def probabilities(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the probability of each pair, between 0 and 1, both excluded."""
        rank, critic, praise, popular, share, recent, good, stars, first, activity, strangeness = self.inputs.terms(
            pairs
        )
        of_user = (
            self.share_slope * share
            + self.recent_slope * recent
            + self.good_slope * good
            + self.stars_slope * stars
            + self.first_slope * first
            + self.activity_slope * activity
            + self.stranger_slope * strangeness
            + self.intercept
        )
        # A matrix product may round differently in a longer list; this sum does not.
        of_score = np.add.reduce(self.inputs.curve_terms(pairs) * self.rises, axis=1)
        of_rank = (
            self.rank_slope * rank
            + self.critic_slope * critic
            + self.praise_slope * praise
            + self.popular_slope * popular
        )
        log_odds = of_score + of_rank + of_user
        probabilities: NDArray[np.float64] = np.minimum(np.maximum(_expit(log_odds), MARGIN), 1 - MARGIN)
        return probabilities


NEW_USER_RATINGS = 20
ESTABLISHED_RATINGS = 40
"""Up to the first number of ratings the calibrator of new users decides, from the second on that of the others.

Between the two the log odds change linearly from the one to the other.
"""


def _establishment(n_ratings: NDArray[np.int64] | np.int64) -> OfUser:
    """Return 0 for the ratings of a new user, 1 for those of an established one, and a share between."""
    share: OfUser = (n_ratings - NEW_USER_RATINGS) / (ESTABLISHED_RATINGS - NEW_USER_RATINGS)
    return np.minimum(np.maximum(share, 0.0), 1.0)


class UserCalibrators(Record):
    """Two calibrators: the ratings of new users follow other patterns than those of established users."""

    established: Calibrator
    new: Calibrator | None = Field(description="None if too few users could be held out to fit it.")

    def probabilities(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the probabilities of pairs of one user."""
        weight = float(_establishment(np.int64(pairs.user_ratings)))
        if self.new is None or weight >= 1:
            return self.established.probabilities(pairs)
        new = self.new.probabilities(pairs)
        if weight <= 0:
            return new
        mixed = weight * _logit(self.established.probabilities(pairs)) + (1 - weight) * _logit(new)
        return _expit(np.asarray(mixed))


def _choose_knots(scores: NDArray[np.float64], quantiles: tuple[float, ...]) -> tuple[float, ...]:
    knots = np.unique(np.quantile(scores, quantiles)).tolist()
    return tuple(knots) if len(knots) > 1 else (knots[0], knots[0] + 1)


class _Segments(NamedTuple):
    """The segments between the knots of a curve, and the least and most of each that a score can cover."""

    starts: NDArray[np.float64]
    widths: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]

    @classmethod
    def of(cls, knots: tuple[float, ...]) -> Self:
        """Return the segments of one curve. The first and the last segment are unbounded."""
        lowest, highest = np.zeros(len(knots) - 1), np.ones(len(knots) - 1)
        lowest[0], highest[-1] = -np.inf, np.inf
        return cls(np.array(knots[:-1]), np.diff(knots), lowest, highest)


@lru_cache
def _segments_of(*curves: tuple[float, ...]) -> _Segments:
    """Return the segments of all curves, one after the other; a curve without knots has none."""
    return _Segments(*map(np.concatenate, zip(*(_Segments.of(knots) for knots in curves if knots), strict=True)))


def _maximise_likelihood(
    inputs: NDArray[np.float64], liked: NDArray[np.bool_], floors: list[float]
) -> NDArray[np.float64]:
    """Fit a logistic regression; ``floors`` bound the first weights from below, the last weight is the intercept.

    Projected Newton steps, with weights at their floors held there: Bertsekas, Projected Newton methods for
    optimization problems with simple constraints (SIAM Journal on Control and Optimization 1982). A dozen steps do what
    takes a method without second derivatives two hundred.
    """
    n_weights = inputs.shape[1]
    penalties = np.append(np.ones(n_weights - 1), 0)
    lowest = np.append(floors, np.full(n_weights - len(floors), -np.inf))

    def loss(weights: NDArray[np.float64]) -> float:
        logits = inputs @ weights
        return float(np.logaddexp(0, logits).sum() - logits[liked].sum() + penalties @ weights**2 / 2)

    weights = np.append(floors, np.zeros(n_weights - len(floors)))
    current = loss(weights)
    for _ in range(MAX_STEPS):
        shares = _expit(inputs @ weights)
        gradient = inputs.T @ (shares - liked) + penalties * weights
        scaled = inputs * np.sqrt(shares * (1 - shares))[:, None]
        step = _newton_step(scaled.T @ scaled + np.diag(penalties), gradient, (weights <= lowest) & (gradient > 0))
        for share in STEP_SHARES:
            moved = np.maximum(weights + share * step, lowest)
            after, expected = loss(moved), gradient @ (weights - moved)
            if after <= current - SUFFICIENT_DECREASE * expected:
                break
        weights, current = moved, after
        if expected < TOLERANCE:
            break
    return weights


def _newton_step(
    hessian: NDArray[np.float64], gradient: NDArray[np.float64], is_held: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the step to the minimum of a quadratic function over the weights that are not held."""
    step = np.zeros(gradient.size)
    free = np.flatnonzero(~is_held)
    step[free] = np.linalg.solve(hessian[np.ix_(free, free)], -gradient[free])
    return step


def _expit(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of log odds. The import of SciPy's function would delay every start by 0.1 s."""
    probabilities: NDArray[np.float64] = np.exp(-np.logaddexp(0, -logits))
    return probabilities


def _logit(probabilities: OfUser) -> OfUser:
    """Return the log odds of probabilities."""
    logits: OfUser = np.log(probabilities) - np.log1p(-probabilities)
    return logits
