"""Ways to hold ratings out: by each user's time, by everyone's, or at random."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.interactions import Interactions

HELD_OUT_ONE_IN = 5
"""One rating in so many is held out; a user with fewer is trained on and not evaluated."""

NEWEST_SHARE = 0.1
MIN_KNOWN_RATINGS = 5
"""Globally the newest tenth is held out, of users with so many older ratings."""

MAX_EVALUATED_USERS = 10_000
"""Of more users than this a sample is evaluated: the standard error of NDCG@10 is about 0.002 then."""


@dataclass(frozen=True, eq=False)
class Split:
    """The same users and movies twice: the ratings that are known, and those that are held out."""

    known: Interactions
    held_out: Interactions

    def evaluated_users(self, *, seed: int) -> NDArray[np.int64]:
        """Return the users with held-out ratings, ascending; a random sample of them if they are too many."""
        users = np.random.default_rng(seed).permutation(np.flatnonzero(self.held_out.rating_counts))
        return np.sort(users[:MAX_EVALUATED_USERS])

    def select_users(self, users: NDArray[np.int64]) -> Self:
        """Keep the chosen users, numbered anew in the order given."""
        return type(self)(self.known.select_users(users), self.held_out.select_users(users))


class SplitMaker(Protocol):
    """Divides ratings into known and held-out ones; the same seed divides them the same."""

    def __call__(self, interactions: Interactions, *, seed: int) -> Split: ...  # noqa: D102 (the class says it)


def temporal_split(interactions: Interactions, *, seed: int) -> Split:
    """Hold out the latest fifth, rounded down, of each user's ratings; ties in time are broken at random."""
    # Not `interactions.users`, which would be kept for as long as all the ratings.
    users, moments = interactions.repeated(np.arange(interactions.n_users)), interactions.rated_at
    is_as_before = (np.diff(users) == 0) & (np.diff(moments) == 0)
    tied = np.flatnonzero(np.append(is_as_before, False) | np.append(False, is_as_before))
    places = np.random.default_rng(seed).random(tied.size)
    order = np.arange(users.size)
    order[tied] = tied[np.lexsort((places, moments[tied], users[tied]))]
    return _hold_out_last(interactions, order)


def random_split(interactions: Interactions, *, seed: int) -> Split:
    """Hold out a random fifth, rounded down, of each user's ratings."""
    places = np.random.default_rng(seed).random(interactions.items.size)
    return _hold_out_last(interactions, np.lexsort((places, interactions.users)))


def global_time_split(interactions: Interactions, *, seed: int) -> Split:  # noqa: ARG001 (time leaves nothing to chance)
    """Hold out what was rated after a moment, the same for all; of new users nothing, nor is it known."""
    if not interactions.items.size:
        return Split(interactions, interactions)
    moment = np.quantile(interactions.rated_at, 1 - NEWEST_SHARE, method="lower")
    is_known = interactions.rated_at <= moment
    known = interactions.select_ratings(is_known)
    is_of_known_user = interactions.repeated(known.rating_counts) >= MIN_KNOWN_RATINGS
    return Split(known, interactions.select_ratings(~is_known & is_of_known_user))


SPLITS: Mapping[str, SplitMaker] = MappingProxyType({
    "temporal": temporal_split,
    "global-time": global_time_split,
    "random": random_split,
})


def _hold_out_last(interactions: Interactions, order: NDArray[np.int64]) -> Split:
    """Hold out the last fifth of each user's ratings in an order that keeps users together."""
    counts = interactions.rating_counts
    first_held_out = interactions.offsets[1:] - counts // HELD_OUT_ONE_IN
    held_out = np.empty(order.size, np.bool_)
    held_out[order] = np.arange(order.size) >= np.repeat(first_held_out, counts)
    return Split(interactions.select_ratings(~held_out), interactions.select_ratings(held_out))
