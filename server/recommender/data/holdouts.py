"""Everything that a training holds out: the end of each user's ratings, the next session, and new users."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.positions import index_of
from server.recommender.data.splits import (
    NEVER,
    Split,
    SplitMaker,
    for_blocks,
    sample_evaluated,
    sample_size,
    session_ends,
    session_split,
)

EVALUATED_RATINGS = (0, 1, 2, 3, 5, 10)
"""Numbers of known first ratings for which the cold start is evaluated."""

CALIBRATED_RATINGS = (*EVALUATED_RATINGS, 20)
"""Numbers of known first ratings that the probabilities of new users are calibrated on."""

OUTCOME_RATINGS = 20
"""Number of ratings after the known ones that are held out."""

MIN_NEW_USER_RATINGS = 15
"""New users are sampled from the users with at least this number of ratings."""

NEW_USERS_ONE_IN = 7
MAX_NEW_USERS = 1_000
"""A seventh of those users, at most this number, is held out as new users.

The standard error of their NDCG@10 is then below 0.01, and they have more held-out ratings than a calibrator is fitted
to.
"""

MAX_SESSION_USERS = 2_000
"""The next session of at most this number of users is held out."""

SMALL_SHARE = 0.05
"""Holding out this share of the users changes a fit so little that one fit serves all measurements."""


@dataclass(frozen=True, eq=False)
class Holdouts:
    """The held-out ratings of three kinds, and the ratings that are in none of them."""

    known: Source
    """The known ratings of the first split, for a fit that is measured on it."""
    rest: Source
    """The known ratings of all three: neither of the next session nor of new users."""
    before_session: Source
    """The ratings for a fit that is measured on the next session and on new users."""
    split: Split
    """The users of the first split with held-out ratings."""
    session: Split
    """The users with a held-out next session; may be without users."""
    new_users: Interactions
    """All ratings of users that ``rest`` lacks; may be without users."""

    @classmethod
    def of(cls, source: Source, make_split: SplitMaker, *, seed: int) -> Self:
        """Hold out by ``make_split``, by the next session, and by user."""
        split_block = partial(for_blocks(make_split, source), seed=seed)
        users = _UserTable(*source.per_user(_UserColumns(split_block)))
        evaluated = sample_evaluated(users.held_out_counts, n_items=source.n_items, seed=seed)
        new = _choose_new_users(users, n_items=source.n_items, seed=seed)
        returning = _choose_returning_users(users, new, n_items=source.n_items, seed=seed)
        cut = _Cut(users.ids[new], users.ids[returning], users.session_ends[returning])
        known = source.derive(_Known(split_block))
        rest = known.derive(cut) if cut.n_users else known
        chosen = source.read_users(np.unique(np.concatenate([users.ids[evaluated], cut.new, cut.returning])))
        sample = split_block(chosen.read_users(users.ids[evaluated]))
        if not rest.summary.n_likes:
            return cls.only_split(known, sample)
        is_small = cut.n_users <= SMALL_SHARE * users.ids.size
        return cls(
            known=rest if is_small else known,
            rest=rest,
            before_session=rest if is_small or not cut.n_users else source.derive(cut),
            split=sample,
            session=session_split(chosen.read_users(cut.returning), seed=seed),
            new_users=chosen.read_users(cut.new),
        )

    @classmethod
    def only_split(cls, known: Source, sample: Split) -> Self:
        """Hold out by a split alone, of the users in ``sample``."""
        nobody = sample.known.select_users(np.empty(0, np.int64))
        return cls(known, known, known, sample, Split(nobody, nobody), nobody)

    @property
    def is_one_fit_enough(self) -> bool:
        """Whether the same fit serves the measurements of all three kinds."""
        return self.known is self.before_session


def first_ratings(new_users: Interactions, n_known: int) -> Split:
    """Return the first ``n_known`` ratings of each user as known, and the next ones as held out."""
    positions = new_users.positions
    is_held_out = (positions >= n_known) & (positions < n_known + OUTCOME_RATINGS)
    return Split(new_users.select_ratings(positions < n_known), new_users.select_ratings(is_held_out))


@dataclass(frozen=True, eq=False)
class _UserTable:
    """Facts about each user of a source, in columns of one length."""

    ids: NDArray[np.int64]
    rating_counts: NDArray[np.int64]
    session_ends: NDArray[np.int64]
    held_out_counts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _UserColumns:
    """The columns of the table but the ids, for a block of users."""

    split_block: Callable[[Interactions], Split]

    def __call__(self, block: Interactions) -> tuple[NDArray[np.int64], ...]:
        held_out = self.split_block(block).held_out
        return block.rating_counts, session_ends(block), held_out.rating_counts


@dataclass(frozen=True, eq=False)
class _Known:
    """The known ratings of a split."""

    split_block: Callable[[Interactions], Split]

    def __call__(self, block: Interactions) -> Interactions:
        return self.split_block(block).known


@dataclass(frozen=True, eq=False)
class _Cut:
    """The ratings without new users, and without the next session of returning users; all by ascending id."""

    new: NDArray[np.int64]
    returning: NDArray[np.int64]
    ends: NDArray[np.int64]
    """The time of the last rating before the next session of each returning user."""

    @property
    def n_users(self) -> int:
        """The number of users of both kinds."""
        return self.new.size + self.returning.size

    def __call__(self, block: Interactions) -> Interactions:
        places, is_returning = index_of(self.returning, block.user_ids)
        ends = np.full(block.n_users, NEVER)
        ends[is_returning] = self.ends[places[is_returning]]
        kept = block.select_ratings(block.rated_at <= block.repeated(ends))
        return kept.select_users(np.flatnonzero(np.isin(block.user_ids, self.new, invert=True)))


def _choose_new_users(users: _UserTable, *, n_items: int, seed: int) -> NDArray[np.int64]:
    """Return a sample of the users with enough ratings."""
    candidates = np.flatnonzero(users.rating_counts >= MIN_NEW_USER_RATINGS)
    n_new = min(candidates.size // NEW_USERS_ONE_IN, sample_size(MAX_NEW_USERS, n_items))
    return np.sort(np.random.default_rng(seed).permutation(candidates)[:n_new])


def _choose_returning_users(users: _UserTable, new: NDArray[np.int64], *, n_items: int, seed: int) -> NDArray[np.int64]:
    """Return a sample of the other users with a next session."""
    has_session = users.session_ends < NEVER
    has_session[new] = False
    candidates = np.random.default_rng(seed).permutation(np.flatnonzero(has_session))
    return np.sort(candidates[: sample_size(MAX_SESSION_USERS, n_items)])
