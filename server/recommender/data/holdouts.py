"""Everything that a training holds out: the end of each user's ratings, the next session, and new users."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.interactions import Interactions
from server.recommender.data.splits import Split, SplitMaker, session_ends, session_split

EVALUATED_RATINGS = (0, 1, 2, 3, 5, 10)
"""Numbers of known first ratings for which the cold start is evaluated."""

CALIBRATED_RATINGS = (*EVALUATED_RATINGS, 20)
"""Numbers of known first ratings that the probabilities of new users are calibrated on."""

OUTCOME_RATINGS = 20
"""Number of ratings after the known ones that are held out."""

MIN_NEW_USER_RATINGS = 15
"""New users are sampled from the users with at least this number of ratings."""

NEW_USERS_ONE_IN = 7
MAX_NEW_USERS = 2_000
"""A seventh of those users, at most this number, is held out as new users."""

MAX_SESSION_USERS = 2_000
"""The next session of at most this number of users is held out."""

SMALL_SHARE = 0.05
"""Holding out this share of the users changes a fit so little that one fit serves all measurements."""


@dataclass(frozen=True, eq=False)
class Holdouts:
    """The held-out ratings of three kinds, and the ratings that are in none of them."""

    known: Interactions
    """The known ratings of the first split, for a fit that is measured on it."""
    rest: Interactions
    """The known ratings of all three: neither of the next session nor of new users."""
    before_session: Interactions
    """The ratings for a fit that is measured on the next session and on new users."""
    split: Split
    """The users of the first split with held-out ratings."""
    session: Split
    """The users with a held-out next session; may be without users."""
    new_users: Interactions
    """All ratings of users that ``rest`` lacks; may be without users."""

    @classmethod
    def of(cls, interactions: Interactions, make_split: SplitMaker, *, seed: int) -> Self:
        """Hold out by ``make_split``, by the next session, and by user."""
        new = _choose_new_users(interactions, seed=seed)
        returning, ends = _choose_returning_users(interactions, new, seed=seed)
        split = make_split(interactions, seed=seed)
        rest = _without(split.known, new, ends)
        if not rest.liked.any():
            return cls.only_split(interactions, split, seed=seed)
        n_special = new.size + returning.size
        is_small = n_special <= SMALL_SHARE * interactions.n_users
        return cls(
            known=rest if is_small else split.known,
            rest=rest,
            before_session=rest if is_small or not n_special else _without(interactions, new, ends),
            split=split.select_users(split.evaluated_users(seed=seed)),
            session=session_split(interactions.select_users(returning), seed=seed),
            new_users=interactions.select_users(new),
        )

    @classmethod
    def only_split(cls, interactions: Interactions, split: Split, *, seed: int) -> Self:
        """Hold out by a split alone."""
        nobody = interactions.select_users(np.empty(0, np.int64))
        sample = split.select_users(split.evaluated_users(seed=seed))
        return cls(split.known, split.known, split.known, sample, Split(nobody, nobody), nobody)

    @property
    def is_one_fit_enough(self) -> bool:
        """Whether the same fit serves the measurements of all three kinds."""
        return self.known is self.before_session


def first_ratings(new_users: Interactions, n_known: int) -> Split:
    """Return the first ``n_known`` ratings of each user as known, and the next ones as held out."""
    positions = np.arange(new_users.items.size) - new_users.repeated(new_users.offsets[:-1])
    is_held_out = (positions >= n_known) & (positions < n_known + OUTCOME_RATINGS)
    return Split(new_users.select_ratings(positions < n_known), new_users.select_ratings(is_held_out))


def _choose_new_users(interactions: Interactions, *, seed: int) -> NDArray[np.int64]:
    users = np.flatnonzero(interactions.rating_counts >= MIN_NEW_USER_RATINGS)
    n_new = min(users.size // NEW_USERS_ONE_IN, MAX_NEW_USERS)
    return np.sort(np.random.default_rng(seed).permutation(users)[:n_new])


def _choose_returning_users(
    interactions: Interactions, new: NDArray[np.int64], *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a sample of the users with a next session, and for every user the time at which the known ratings end."""
    ends, never = session_ends(interactions), np.iinfo(np.int64).max
    ends[new] = never
    users = np.random.default_rng(seed).permutation(np.flatnonzero(ends < never))
    returning, others = np.sort(users[:MAX_SESSION_USERS]), users[MAX_SESSION_USERS:]
    ends[others] = never
    return returning, ends


def _without(interactions: Interactions, new: NDArray[np.int64], ends: NDArray[np.int64]) -> Interactions:
    """Return the ratings up to the ends, without new users."""
    if not new.size and (ends == np.iinfo(np.int64).max).all():
        return interactions
    kept = interactions.select_ratings(interactions.rated_at <= interactions.repeated(ends))
    return kept.select_users(np.setdiff1d(np.arange(interactions.n_users), new))
