"""What EASE learns from: which movies are liked together, and which are liked next."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from server.recommender.algorithms.ease.gram import Gram, Ridge, Rows
from server.recommender.data.interactions import LIKE_THRESHOLD, Interactions, inverse_index

MIDDLING_STARS = 3.0
MIDDLING = 0.3
DISLIKED = -0.3
"""What a rating is worth, next to 1 for a like."""

HALF_STARS = np.arange(11) / 2
COMMON_SCALE = np.where(HALF_STARS >= LIKE_THRESHOLD, 1, np.where(HALF_STARS >= MIDDLING_STARS, MIDDLING, DISLIKED))
"""By the number of half stars."""

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

RATINGS_AT_ONCE = 2_000_000
"""About so many ratings are turned into rows at a time."""


def preference_weight(histories: Interactions) -> NDArray[np.float32]:
    """Say what each rating is worth: the mean of a common scale and of the user's own.

    On the common scale a like is 1, on the user's own it is what lies a star above his mean.
    """
    common = COMMON_SCALE[(2 * histories.stars).astype(np.int64)]
    sums = np.bincount(histories.users, histories.stars, histories.n_users)
    means = (sums + PRIOR_RATINGS * PRIOR_STARS) / (histories.rating_counts + PRIOR_RATINGS)
    own = 0.6 + 0.5 * (histories.stars - histories.repeated(means))
    lowest, highest = OWN_SCALE_RANGE
    return ((common + np.minimum(np.maximum(own, lowest), highest)) / 2).astype(np.float32)


def recency_decay(ages: NDArray[np.int64], *, half_life: float, floor: float) -> NDArray[np.float32]:
    """Weigh ratings by age: 1 for the latest, never below the floor."""
    return (floor + (1 - floor) * 0.5 ** (ages / half_life)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class CooccurrenceStatistics:
    """The sums over all users from which the weights between movies follow, for any penalty."""

    places: NDArray[np.int32]
    """Where each of the chosen items comes by its number of ratings: the order of the sums."""
    together: Ridge
    """Of rows that hold what a user liked, as a whole and sitting by sitting."""
    earlier: Ridge
    """Of rows that hold what a user liked before a cut, the latest most."""
    next_after: NDArray[np.float32]
    """Items by items: how much the second was liked next after the first was before a cut."""

    @classmethod
    def gather(
        cls, interactions: Interactions, items: NDArray[np.int64], *, max_user_ratings: int, max_next_users: int
    ) -> Self:
        """Sum up the users' latest ratings of the chosen items, some users at a time.

        Of more users than ``max_next_users`` only every second, third or so shows what is liked next.
        """
        counts = np.bincount(interactions.items, minlength=interactions.n_items)[items]
        columns = inverse_index(items[np.argsort(-counts, kind="stable")], interactions.n_items)
        together, earlier, next_after = Ridge(), Ridge(), Gram(items.size)
        for users in interactions.parts(RATINGS_AT_ONCE):
            rated = Rated.of(users.select_ratings(users.ages < max_user_ratings), columns, items.size)
            together.add(rated.whole_and_sittings())
            of_some = rated.of_every(-(-interactions.n_users // max_next_users))
            for cut in CUTS:
                before, after = of_some.before_and_after(cut)
                earlier.add(before)
                next_after.add(before, after)
        return cls(columns[items], together, earlier, next_after.total())

    def weights_together(self, penalty: float, *, is_last: bool = False) -> NDArray[np.float32]:
        """EASE: the weights, none of an item for itself, that best rebuild the rows from themselves.

        Steck, Embarrassingly shallow autoencoders for sparse data (WWW 2019). What ``is_last`` can be asked for once.
        """
        weights = self.together.inverse(penalty, is_last=is_last)
        weights /= -np.diag(weights).copy()
        np.fill_diagonal(weights, 0)
        return self._in_order(weights)

    def weights_next(self, penalty: float, *, is_last: bool = False) -> NDArray[np.float32]:
        """Ridge regression: the weights that best tell what is liked after a cut from what was before it."""
        weights: NDArray[np.float32] = self.earlier.inverse(penalty, is_last=is_last) @ self.next_after
        np.fill_diagonal(weights, 0)
        return self._in_order(weights)

    def _in_order(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Put weights in the order in which the items were chosen."""
        return weights[np.ix_(self.places, self.places)]


@dataclass(frozen=True, eq=False)
class Rated:
    """What some users' ratings of the chosen items are worth, in columns of one length."""

    n_columns: int
    columns: NDArray[np.int32]
    users: NDArray[np.int64]
    values: NDArray[np.float32]
    places: NDArray[np.int64]
    """How many of the user's ratings, of any item, are earlier."""
    ages: NDArray[np.int64]
    """How many are later."""

    @classmethod
    def of(cls, interactions: Interactions, columns: NDArray[np.int32], n_columns: int) -> Self:
        """Look up the column of each item; items without one, -1, are left out, and so is what is worth nothing."""
        column, values, ages, users = (
            columns[interactions.items],
            preference_weight(interactions),
            interactions.ages,
            interactions.users,
        )
        kept = (column >= 0) & (values != 0)
        places = interactions.rating_counts[users] - 1 - ages
        return cls(n_columns, column[kept], users[kept], values[kept], places[kept], ages[kept])

    def of_every(self, step: int) -> Self:
        """Keep every so many users, numbered anew."""
        kept = self.users % step == 0
        return type(self)(
            self.n_columns,
            self.columns[kept],
            self.users[kept] // step,
            self.values[kept],
            self.places[kept],
            self.ages[kept],
        )

    def whole_and_sittings(self) -> Rows:
        """Make a row for each user, and one for each of his sittings; both have a say, half each."""
        sittings = np.cumsum((np.diff(self.users, prepend=0) != 0) | (np.diff(self.ages // SITTING, prepend=0) != 0))
        n_users = int(self.users.max(initial=-1)) + 1
        half = np.float32(np.sqrt(0.5))
        return csr_array(
            (
                np.tile(half * self.values, 2),
                (np.append(self.users, n_users + sittings).astype(np.int32), np.tile(self.columns, 2)),
            ),
            shape=(n_users + int(sittings.max(initial=0)) + 1, self.n_columns),
        )

    def before_and_after(self, cut: float) -> tuple[Rows, Rows]:
        """Make a row for each user: what he liked before a cut, fading with age; what in the fifth after it."""
        counts = self.places + self.ages + 1
        first, end = np.floor(counts * cut), np.floor(counts * (cut + 0.2) + 1e-9)
        is_before, is_after = self.places < first, (self.places >= first) & (self.places < end)
        since = np.maximum(first - 1 - self.places, 0).astype(np.int64)
        faded = self.values * recency_decay(since, half_life=HALF_LIFE, floor=FLOOR)
        return self._rows(is_before, faded), self._rows(is_after, self.values)

    def _rows(self, chosen: NDArray[np.bool_], values: NDArray[np.float32]) -> Rows:
        n_users = int(self.users.max(initial=-1)) + 1
        rows, columns = self.users[chosen].astype(np.int32), self.columns[chosen]
        return csr_array((values[chosen], (rows, columns)), shape=(n_users, self.n_columns))
