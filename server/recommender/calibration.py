"""From scores to probabilities, by a rising function of the score that knows the user, too."""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.algorithms.base import Record
from server.recommender.data.interactions import Interactions

PRIOR_RATINGS = 5
"""A user's own share of likes counts as much as everyone's when he has rated so many movies."""

RECENT_HALF_LIFE = 30.0
PRIOR_RECENT_RATINGS = 3
"""The same for what he has rated lately, where a rating counts half after so many later ones."""

GOOD_STARS = 3.5
"""Whoever often gives this many is but half a star from liking, and the next movie may get it."""

MIN_RISE = 1e-3
"""Keeps the probability rising with the score, even where the pairs do not show that it does."""

MARGIN = 1e-4
"""How close a probability may come to 0 and to 1."""

FEW_PAIRS = 2_000
"""With fewer pairs the curve is one straight line: more freedom would follow chance."""

KNOTS_OF_FEW = (0.05, 0.95)
KNOTS_OF_MANY = (0.02, 0.2, 0.4, 0.6, 0.75, 0.87, 0.95, 0.99)
"""Quantiles of the scores between which the curve is straight; closer at the top, where lists are made."""


OfUser = NDArray[np.float64] | np.float64
"""Of the user of each pair, or of the one user of all."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a user and a movie in columns of one length: what a probability is made from.

    Where all are of one user, what is known of him is one number in the place of a column.
    """

    scores: NDArray[np.float64]
    ranks: NDArray[np.int64]
    """How many movies that the user has not rated have a higher score."""
    user_likes: NDArray[np.int64] | np.int64
    """How many movies the user is known to like."""
    user_ratings: NDArray[np.int64] | np.int64
    """How many movies the user is known to have rated."""
    recent_likes: OfUser
    recent_good: OfUser
    """How many he has given ``GOOD_STARS`` or more, of late."""
    recent_ratings: OfUser
    """All three fade with age."""

    @staticmethod
    def of(
        histories: Interactions,
        users: NDArray[np.int64] | int,
        scores: NDArray[np.float64],
        ranks: NDArray[np.int64],
    ) -> "Pairs":
        """Put together what is known of the user of each pair, or of the one user of all."""
        user_of_rating, weights = histories.users, 0.5 ** (histories.ages / RECENT_HALF_LIFE)

        def recent(weights: NDArray[np.float64]) -> OfUser:
            sums: NDArray[Any] = np.bincount(user_of_rating, weights, histories.n_users)
            return sums[users]

        return Pairs(
            scores=scores,
            ranks=ranks,
            user_likes=histories.like_counts[users],
            user_ratings=histories.rating_counts[users],
            recent_likes=recent(weights * histories.liked),
            recent_good=recent(weights * (histories.stars >= GOOD_STARS)),
            recent_ratings=recent(weights),
        )


@dataclass(frozen=True, eq=False)
class RatedPairs(Pairs):
    """Pairs with the outcome, kept out of the ratings that the scores were made from."""

    users: NDArray[np.int64]
    liked: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """Keep the chosen pairs."""
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))


class Inputs(Record):
    """What a calibrator looks at in a pair, and the scales on which it does."""

    knots: tuple[float, ...] = Field(min_length=2, description="Scores between which the curve is straight.")
    like_share: float = Field(gt=0, lt=1, description="Share of likes among all pairs: what a new user starts from.")
    good_share: float = Field(gt=0, lt=1, description="The same, of ratings of 3.5 stars or more.")
    fewest_ratings: int = Field(ge=0, description="A user with fewer ratings counts as one with so many.")
    most_ratings: int = Field(ge=0, description="The same at the other end: activity is not extrapolated.")

    @classmethod
    def of(cls, pairs: RatedPairs) -> Self:
        """Choose the scales for pairs of both outcomes."""
        like_share = float(pairs.liked.mean())
        return cls(
            knots=_choose_knots(pairs.scores),
            like_share=like_share,
            # One rating more keeps the share from 0 and from 1.
            good_share=float((pairs.recent_good.sum() + like_share) / (pairs.recent_ratings.sum() + 1)),
            fewest_ratings=int(pairs.user_ratings.min()),
            most_ratings=int(pairs.user_ratings.max()),
        )

    def climb(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return pairs by rises of the curve: which part of each lies below the score."""
        knots, widths, lowest, highest = _rises_between(self.knots)
        climbed: NDArray[np.float64] = (pairs.scores[:, None] - knots) / widths
        return np.minimum(np.maximum(climbed, lowest), highest)

    def terms(self, pairs: Pairs) -> tuple[OfUser, ...]:
        """Return what counts besides: four terms that are about the user, and twice the rank."""
        shares = (pairs.user_likes + PRIOR_RATINGS * self.like_share) / (pairs.user_ratings + PRIOR_RATINGS)
        recent_ratings = pairs.recent_ratings + PRIOR_RECENT_RATINGS
        recent_shares = (pairs.recent_likes + PRIOR_RECENT_RATINGS * self.like_share) / recent_ratings
        good_shares = (pairs.recent_good + PRIOR_RECENT_RATINGS * self.good_share) / recent_ratings
        activity = np.minimum(np.maximum(pairs.user_ratings, self.fewest_ratings), self.most_ratings)
        places = -np.log1p(pairs.ranks)
        about_user = _logit(shares), _logit(recent_shares), _logit(good_shares), np.log1p(activity)
        return *about_user, places, places * (1 - recent_shares)


class Calibrator(Record):
    """P(the user likes the movie | he rates it), as the logistic function of a sum of terms.

    The sum rises with the score, piecewise linearly, and falls with its rank; what is known of the user alone is
    the same for all movies. So for one user the order of the probabilities is the order of the scores.
    """

    inputs: Inputs
    rises: tuple[float, ...] = Field(min_length=1, description="Rise from each knot to the next, in log odds.")
    rank_slope: float = Field(ge=0, description="Weight of -log(1 + rank).")
    critic_slope: float = Field(ge=0, description="The same, times the share of late ratings that are not likes.")
    share_slope: float = Field(description="Weight of the log odds that the user likes what he rates.")
    recent_slope: float = Field(description="The same, of what he has rated lately.")
    good_slope: float = Field(description="Weight of the log odds that he has given 3.5 stars or more lately.")
    activity_slope: float = Field(description="Weight of log(1 + how many movies he has rated).")
    intercept: float

    @classmethod
    def fit(cls, pairs: RatedPairs) -> Self:
        """Fit the weights by maximum likelihood; a unit Gaussian prior keeps few pairs from extremes.

        Needs pairs of both outcomes. Platt, Probabilistic outputs for support vector machines (1999), with a
        monotone curve in place of his line.
        """
        inputs = Inputs.of(pairs)
        n_rises = len(inputs.knots) - 1
        *about_user, rank, critic = inputs.terms(pairs)
        floors = [MIN_RISE] * n_rises + [0.0, 0.0]
        columns = np.column_stack([inputs.climb(pairs), rank, critic, *about_user, np.ones(pairs.scores.size)])
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

    def probabilities(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the probability of each pair, greater than 0 and less than 1."""
        share, recent, good, activity, rank, critic = self.inputs.terms(pairs)
        of_user = (
            self.share_slope * share
            + self.recent_slope * recent
            + self.good_slope * good
            + self.activity_slope * activity
            + self.intercept
        )
        # A matrix product may round a pair differently in a longer list; this sum does not.
        of_score = np.sum(self.inputs.climb(pairs) * self.rises, axis=1)
        log_odds = of_score + self.rank_slope * rank + self.critic_slope * critic + of_user
        probabilities: NDArray[np.float64] = np.minimum(np.maximum(_expit(log_odds), MARGIN), 1 - MARGIN)
        return probabilities


def _choose_knots(scores: NDArray[np.float64]) -> tuple[float, ...]:
    quantiles = KNOTS_OF_FEW if scores.size < FEW_PAIRS else KNOTS_OF_MANY
    knots = np.unique(np.quantile(scores, quantiles)).tolist()
    return tuple(knots) if len(knots) > 1 else (knots[0], knots[0] + 1)


@lru_cache
def _rises_between(knots: tuple[float, ...]) -> tuple[NDArray[np.float64], ...]:
    """Return where each rise begins, its width, and the least and most of it that can be climbed.

    The first and the last go on for ever.
    """
    lowest, highest = np.zeros(len(knots) - 1), np.ones(len(knots) - 1)
    lowest[0], highest[-1] = -np.inf, np.inf
    return np.array(knots[:-1]), np.diff(knots), lowest, highest


def _maximise_likelihood(
    inputs: NDArray[np.float64], liked: NDArray[np.bool_], floors: list[float]
) -> NDArray[np.float64]:
    """Fit a logistic regression; ``floors`` bound the first weights from below, the last is the intercept."""
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
    """Take log odds to probabilities. SciPy's own would be a tenth of a second of every server's start."""
    probabilities: NDArray[np.float64] = np.exp(-np.logaddexp(0, -logits))
    return probabilities


def _logit(probabilities: OfUser) -> OfUser:
    """Take probabilities to log odds."""
    logits: OfUser = np.log(probabilities) - np.log1p(-probabilities)
    return logits
