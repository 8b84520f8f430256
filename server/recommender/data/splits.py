"""Splits into known and held-out ratings: by each user's time, by global time, or at random."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.random_numbers import draws

HELD_OUT_ONE_IN = 5
"""A fifth of each user's ratings is held out; users with fewer ratings are not evaluated."""

NEWEST_SHARE = 0.1
MIN_KNOWN_RATINGS = 5
"""The global split holds out the newest tenth, of users with at least this number of older ratings."""

SESSION_GAP_S = 24 * 60 * 60
"""A longer gap between two ratings of a user begins a new session."""

MIN_KNOWN_BEFORE_SESSION = 10
"""The session split holds out the last session that follows at least this number of ratings."""

MAX_SESSION_RATINGS = 100
"""The session split holds out at most the first ratings of the session, and drops the later ones."""

NEVER = np.iinfo(np.int64).max
"""The time at which the known ratings of a user without a next session end."""

MAX_EVALUATED_USERS = 5_000
"""A larger number of users is sampled: the standard error of NDCG@10 is then about 0.003."""

MAX_EVALUATED_SCORES = 500_000_000
MIN_SAMPLED_USERS = 1_000
"""Of a large catalogue, fewer users are sampled, because all movies are scored for each: at least this many."""


@dataclass(frozen=True, eq=False)
class Split:
    """The known and the held-out ratings of the same users, over the same movies."""

    known: Interactions
    held_out: Interactions

    def evaluated_users(self, *, seed: int) -> NDArray[np.int64]:
        """Return the users with held-out ratings, ascending; a random sample above ``MAX_EVALUATED_USERS``."""
        return sample_evaluated(self.held_out.rating_counts, n_items=self.known.n_items, seed=seed)

    def select_users(self, users: NDArray[np.int64]) -> Self:
        """Return the chosen users, renumbered in the order given."""
        return type(self)(self.known.select_users(users), self.held_out.select_users(users))


def sample_evaluated(held_out_counts: NDArray[np.int64], *, n_items: int, seed: int) -> NDArray[np.int64]:
    """Return the users with held-out ratings, ascending; a random sample above ``MAX_EVALUATED_USERS``."""
    users = np.random.default_rng(seed).permutation(np.flatnonzero(held_out_counts))
    return np.sort(users[: sample_size(MAX_EVALUATED_USERS, n_items)])


def sample_size(most: int, n_items: int) -> int:
    """Return the number of users to score all items for: at most ``most``, or fewer for a large catalogue."""
    in_proportion = most * MAX_EVALUATED_SCORES // (MAX_EVALUATED_USERS * max(n_items, 1))
    return min(most, max(in_proportion, most * MIN_SAMPLED_USERS // MAX_EVALUATED_USERS))


class SplitMaker(Protocol):
    """A function that splits ratings; the same seed gives the same split.

    Apart from `global_time_split`, it splits each user's ratings by these and the user's id alone.
    """

    def __call__(self, interactions: Interactions, *, seed: int) -> Split: ...  # noqa: D102 (the class says it)


def for_blocks(make_split: SplitMaker, source: Source) -> SplitMaker:
    """Return a split of blocks of a source that holds out the same as the split of all its ratings at once."""
    if make_split is global_time_split:
        return partial(global_time_split, moment=source.time_quantile(1 - NEWEST_SHARE))
    return make_split


def temporal_split(interactions: Interactions, *, seed: int) -> Split:
    """Hold out the latest fifth, rounded down, of each user's ratings; ties in time are broken at random."""
    # `interactions.users` would cache this array for as long as the ratings live.
    users, moments = interactions.repeated(np.arange(interactions.n_users)), interactions.rated_at
    is_as_before = (np.diff(users) == 0) & (np.diff(moments) == 0)
    tied = np.flatnonzero(np.append(is_as_before, False) | np.append(False, is_as_before))
    places = draws(interactions.user_ids[users[tied]], interactions.positions[tied], seed=seed)
    order = np.arange(users.size)
    order[tied] = tied[np.lexsort((places, moments[tied], users[tied]))]
    return _hold_out_last(interactions, order)


def random_split(interactions: Interactions, *, seed: int) -> Split:
    """Hold out a random fifth, rounded down, of each user's ratings."""
    places = draws(interactions.repeated(interactions.user_ids), interactions.positions, seed=seed)
    return _hold_out_last(interactions, np.lexsort((places, interactions.users)))


def global_time_split(interactions: Interactions, *, seed: int, moment: int | None = None) -> Split:  # noqa: ARG001 (no randomness)
    """Hold out the ratings after one moment, the same for all users; drop those of users who are new by then.

    Without a moment it is that of the newest tenth of these ratings.
    """
    if not interactions.items.size:
        return Split(interactions, interactions)
    moment = interactions.time_quantile(1 - NEWEST_SHARE) if moment is None else moment
    is_known = interactions.rated_at <= moment
    known = interactions.select_ratings(is_known)
    is_of_known_user = interactions.repeated(known.rating_counts) >= MIN_KNOWN_RATINGS
    return Split(known, interactions.select_ratings(~is_known & is_of_known_user))


def session_split(interactions: Interactions, *, seed: int) -> Split:  # noqa: ARG001 (no randomness)
    """Hold out the next session: the ratings after each user's last long gap. Users without one have none held out."""
    ends = session_ends(interactions)
    is_known = interactions.rated_at <= interactions.repeated(ends)
    first = np.append(0, np.cumsum(is_known))[interactions.offsets[1:]]
    known_counts = first - np.append(0, first[:-1])
    is_held_out = ~is_known & (interactions.positions < interactions.repeated(known_counts + MAX_SESSION_RATINGS))
    return Split(interactions.select_ratings(is_known), interactions.select_ratings(is_held_out))


def session_ends(interactions: Interactions) -> NDArray[np.int64]:
    """Return for each user the time of the last rating before the last session; the largest integer without one."""
    is_first = np.diff(interactions.rated_at, prepend=0) > SESSION_GAP_S
    firsts = np.flatnonzero(is_first & (interactions.positions >= MIN_KNOWN_BEFORE_SESSION))
    users = np.searchsorted(interactions.offsets, firsts, side="right") - 1
    ends = np.full(interactions.n_users, NEVER)
    # Of several sessions of a user the last one is assigned last.
    ends[users] = interactions.rated_at[firsts - 1]
    return ends


SPLITS: Mapping[str, SplitMaker] = MappingProxyType({
    "temporal": temporal_split,
    "global-time": global_time_split,
    "random": random_split,
    "next-session": session_split,
})


def _hold_out_last(interactions: Interactions, order: NDArray[np.int64]) -> Split:
    """Hold out the last fifth of each user's ratings in an order that keeps users together."""
    counts = interactions.rating_counts
    first_held_out = interactions.offsets[1:] - counts // HELD_OUT_ONE_IN
    held_out = np.empty(order.size, np.bool_)
    held_out[order] = np.arange(order.size) >= np.repeat(first_held_out, counts)
    return Split(interactions.select_ratings(~held_out), interactions.select_ratings(held_out))
