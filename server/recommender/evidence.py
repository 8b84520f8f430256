"""What EASE learns from: which movies are liked together, and which are liked next."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from server.recommender.interactions import LIKE_THRESHOLD, Interactions
from server.recommender.ridge import Ridge, Rows, gram

MIDDLING_STARS = 3.0
MIDDLING = 0.3
DISLIKED = -0.3
"""What a rating is worth, next to 1 for a like."""

PRIOR_RATINGS = 5
PRIOR_STARS = 3.5
"""A user's mean is reckoned as if he had rated so many more movies with so many stars."""

OWN_SCALE_RANGE = (-0.3, 1.2)

SITTING = 50
"""Ratings of a user that are no further apart than this count as given together."""

CUTS = (0.2, 0.4, 0.6, 0.8)
"""Shares of a user's ratings after which it is asked what he liked next: in the next fifth."""

HALF_LIFE = 10.0
FLOOR = 0.2
"""How the ratings before a cut fade with age."""


def grade(histories: Interactions) -> NDArray[np.float32]:
    """Say what each rating is worth: the mean of a common scale and of the user's own.

    On the common scale a like is 1, on the user's own it is what lies a star above his mean.
    """
    common = np.where(
        histories.stars >= LIKE_THRESHOLD, 1, np.where(histories.stars >= MIDDLING_STARS, MIDDLING, DISLIKED)
    )
    sums = np.bincount(histories.users, histories.stars, histories.n_users)
    means = (sums + PRIOR_RATINGS * PRIOR_STARS) / (histories.rating_counts + PRIOR_RATINGS)
    own = np.clip(0.6 + 0.5 * (histories.stars - means[histories.users]), *OWN_SCALE_RANGE)
    return ((common + own) / 2).astype(np.float32)


def fade(ages: NDArray[np.int64], *, half_life: float, floor: float) -> NDArray[np.float32]:
    """Weigh ratings by age: 1 for the latest, never below the floor."""
    return (floor + (1 - floor) * 0.5 ** (ages / half_life)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Evidence:
    """The sums over all users from which the weights between movies follow, for any penalty."""

    together: Ridge
    """Of rows that hold what a user liked, as a whole and sitting by sitting."""
    earlier: Ridge
    """Of rows that hold what a user liked before a cut, the latest most."""
    next_after: NDArray[np.float32]
    """Items by items: how much the second was liked next after the first was before a cut."""

    @classmethod
    def gather(cls, interactions: Interactions, items: NDArray[np.int64], *, max_user_ratings: int) -> Self:
        """Sum up the users' latest ratings of the chosen items."""
        latest = interactions.of_ratings(interactions.ages < max_user_ratings)
        values, ages = grade(latest), latest.ages
        whole = _rows(latest, items, latest.users, values)
        sittings = _rows(latest, items, _sittings(latest, ages), values)
        before, after = _before_and_after(latest, items, values, ages)
        half = np.float32(np.sqrt(0.5))
        return cls(Ridge(vstack([whole, sittings]).tocsr() * half), Ridge(before), gram(before, after))

    def weights_together(self, penalty: float) -> NDArray[np.float32]:
        """EASE: the weights, none of an item for itself, that best rebuild the rows from themselves.

        Steck, Embarrassingly shallow autoencoders for sparse data (WWW 2019).
        """
        weights = self.together.inverse(penalty)
        weights /= -np.diag(weights).copy()
        np.fill_diagonal(weights, 0)
        return weights

    def weights_next(self, penalty: float) -> NDArray[np.float32]:
        """Ridge regression: the weights that best tell what is liked after a cut from what was before it."""
        weights: NDArray[np.float32] = self.earlier.inverse(penalty) @ self.next_after
        np.fill_diagonal(weights, 0)
        return weights


def _rows(
    interactions: Interactions, items: NDArray[np.int64], rows: NDArray[np.int64], values: NDArray[np.float32]
) -> Rows:
    """Put a value for each rating into a matrix of rows by chosen items; zeros take no place."""
    columns = np.full(interactions.n_items, -1)
    columns[items] = np.arange(items.size)
    column = columns[interactions.items]
    kept = (column >= 0) & (values != 0)
    n_rows = int(rows.max(initial=-1)) + 1
    return csr_array((values[kept], (rows[kept], column[kept])), shape=(n_rows, items.size))


def _sittings(interactions: Interactions, ages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tell each rating's sitting, counted back from each user's latest rating."""
    number = interactions.users * (ages.max(initial=0) // SITTING + 1) + ages // SITTING
    return np.unique(number, return_inverse=True)[1]


def _before_and_after(
    interactions: Interactions, items: NDArray[np.int64], values: NDArray[np.float32], ages: NDArray[np.int64]
) -> tuple[Rows, Rows]:
    """Make a row for each user and cut: what he liked before it, fading with age; what in the fifth after it."""
    counts = interactions.rating_counts[interactions.users]
    places = counts - 1 - ages
    before, after = [], []
    for cut in CUTS:
        first, end = np.floor(counts * cut), np.floor(counts * (cut + 0.2) + 1e-9)
        since = np.maximum(first - 1 - places, 0).astype(np.int64)
        faded = values * fade(since, half_life=HALF_LIFE, floor=FLOOR)
        before.append(np.where(places < first, faded, 0))
        after.append(np.where((places >= first) & (places < end), values, 0))
    return _stacked(interactions, items, before), _stacked(interactions, items, after)


def _stacked(interactions: Interactions, items: NDArray[np.int64], values: list[NDArray[np.float32]]) -> Rows:
    users = interactions.users
    parts = [_rows(interactions, items, users, part) for part in values]
    return vstack(parts).tocsr()
