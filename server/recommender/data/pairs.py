"""Pairs of a user and a movie with everything that a probability is computed from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.interactions import Interactions

RECENT_HALF_LIFE = 30.0
"""A rating counts half in the user's recent shares after this many later ratings."""

GOOD_STARS = 3.5
"""Users who often give this rating are half a star from a positive one, and the next movie may get it."""

OfUser = NDArray[np.float64] | np.float64
"""A value of the user of each pair, or one value if all pairs are of one user."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a user and a movie, in columns of one length.

    If all pairs are of one user, the columns about the user are single numbers.
    """

    scores: NDArray[np.float64]
    ranks: NDArray[np.int64]
    """The number of movies with a higher score that the user has not rated."""
    user_likes: NDArray[np.int64] | np.int64
    """The number of the user's known positive ratings."""
    user_ratings: NDArray[np.int64] | np.int64
    """The number of the user's known ratings."""
    user_stars: OfUser
    """The sum of their stars."""
    recent_likes: OfUser
    """The positive ratings, weighted by recency."""
    recent_good: OfUser
    """The ratings of ``GOOD_STARS`` or more, weighted by recency."""
    recent_ratings: OfUser
    """All ratings, weighted by recency."""

    @staticmethod
    def of(
        histories: Interactions,
        users: NDArray[np.int64] | int,
        scores: NDArray[np.float64],
        ranks: NDArray[np.int64],
    ) -> "Pairs":
        """Return pairs with the features of the user of each, or of the one user of all."""
        weights = 0.5 ** (histories.ages / RECENT_HALF_LIFE)

        def summed(values: NDArray[np.floating[Any]]) -> OfUser:
            return histories.sums(values)[users]

        return Pairs(
            scores=scores,
            ranks=ranks,
            user_likes=histories.like_counts[users],
            user_ratings=histories.rating_counts[users],
            user_stars=summed(histories.stars),
            recent_likes=summed(weights * histories.liked),
            recent_good=summed(weights * (histories.stars >= GOOD_STARS)),
            recent_ratings=summed(weights),
        )


@dataclass(frozen=True, eq=False)
class RatedPairs(Pairs):
    """Pairs with their held-out outcome, which the scores were computed without."""

    users: NDArray[np.int64]
    liked: NDArray[np.bool_]

    @classmethod
    def of_outcomes(cls, pairs: Pairs, users: NDArray[np.int64], liked: NDArray[np.bool_]) -> Self:
        """Add users and outcomes to pairs."""
        columns = {field.name: getattr(pairs, field.name) for field in fields(Pairs)}
        return cls(**columns, users=users, liked=liked)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the pairs of all parts."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """Return the chosen pairs."""
        return type(self)(*(getattr(self, field.name)[chosen] for field in fields(self)))
