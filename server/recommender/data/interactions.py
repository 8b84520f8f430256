"""Ratings as arrays: in columns as a database returns them, and by index as an algorithm needs them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from server.recommender.data.source import BLOCK_RATINGS, Arrays, Kernel, Source, Step, UserColumns

Number = TypeVar("Number", bound=np.generic)

LIKE_THRESHOLD = 4.0
"""A rating is positive from this number of stars on."""

ONE_USER = np.zeros(1, np.int64)
"""The id of the only user of a history."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings in columns of one length, in any order; at most one for each user and movie."""

    user_ids: NDArray[np.int64]
    movie_ids: NDArray[np.int64]
    ratings: NDArray[np.float32]
    """Stars, 0.5 to 5.0."""
    rated_at: NDArray[np.int64]
    """Seconds since 1970, UTC."""

    def __len__(self) -> int:
        return self.user_ids.size

    @classmethod
    def concatenate(cls, parts: Sequence["Ratings"]) -> "Ratings":
        """Return the ratings of all parts."""
        none = cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.int64))
        columns = ("user_ids", "movie_ids", "ratings", "rated_at")
        return cls(*(np.concatenate([getattr(part, name) for part in (none, *parts)]) for name in columns))

    def rows(self, chosen: slice | NDArray[np.int64]) -> "Ratings":
        """Return some of the ratings."""
        return type(self)(self.user_ids[chosen], self.movie_ids[chosen], self.ratings[chosen], self.rated_at[chosen])


@dataclass(frozen=True, eq=False)
class History:
    """The present ratings of one user, in columns of one length, in any order; may be empty.

    A model ignores ratings of movies outside its catalogue.
    """

    movie_ids: NDArray[np.int64]
    ratings: NDArray[np.float32]
    rated_at: NDArray[np.int64]

    @property
    def content(self) -> bytes:
        """All columns as bytes: equal for equal histories, so a cache can use it as a key."""
        return self.movie_ids.tobytes() + self.ratings.tobytes() + self.rated_at.tobytes()


@dataclass(frozen=True, eq=False)
class Interactions(Source):
    """Ratings in memory, by index: user ``u`` has the rows ``offsets[u]:offsets[u + 1]``, the latest rating last.

    Users are numbered by ascending id. Items are the whole catalogue by ascending id, rated or not. Ratings of one
    moment are ordered by item, so the result does not depend on the order of the input.
    """

    movie_ids: NDArray[np.int64]
    """The id of each item, ascending."""
    offsets: NDArray[np.int64]
    """The first row of each user, and the number of rows."""
    items: NDArray[np.int32]
    stars: NDArray[np.float32]
    rated_at: NDArray[np.int64]
    user_ids: NDArray[np.int64]
    """The id of each user."""

    @classmethod
    def from_ratings(cls, ratings: Ratings, catalogue_movie_ids: NDArray[np.int64]) -> Self:
        """Index ratings by user and movie, without those of movies outside the catalogue."""
        movie_ids = np.unique(catalogue_movie_ids)
        order = _by_user_and_time(ratings)
        items, is_known = index_of(movie_ids, ratings.movie_ids)
        if not is_known.all():
            order = order[is_known[order]]
        users = ratings.user_ids[order]
        first_of_user = np.flatnonzero(np.diff(users, prepend=-1))
        offsets = np.append(first_of_user, order.size)
        stars, rated_at = ratings.ratings[order], ratings.rated_at[order]
        return cls(movie_ids, offsets, items[order], stars, rated_at, users[first_of_user])

    @classmethod
    def from_history(cls, history: History, movie_ids: NDArray[np.int64]) -> Self:
        """Index one user's history by the movies of a model, whose ids must ascend."""
        # A binary search is faster for ascending ids, and histories mostly come in that order.
        items, is_known = index_of(movie_ids, history.movie_ids)
        order = np.lexsort((history.movie_ids, history.rated_at))
        if not is_known.all():
            order = order[is_known[order]]
        stars, rated_at = history.ratings.take(order), history.rated_at.take(order)
        return cls(movie_ids, np.array([0, order.size]), items.take(order), stars, rated_at, ONE_USER)

    @classmethod
    def empty(cls, movie_ids: NDArray[np.int64]) -> Self:
        """Return no users, over movies of ascending ids."""
        ids, stars = np.empty(0, np.int64), np.empty(0, np.float32)
        return cls(movie_ids, np.zeros(1, np.int64), ids.astype(np.int32), stars, ids, ids)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the users of all parts, at least one, over the same movies; their ids must ascend."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0, *(part.items.size for part in parts)])
        offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
        return cls(
            parts[0].movie_ids,
            np.concatenate([*offsets, starts[-1:]]),
            np.concatenate([part.items for part in parts]),
            np.concatenate([part.stars for part in parts]),
            np.concatenate([part.rated_at for part in parts]),
            np.concatenate([part.user_ids for part in parts]),
        )

    def to_ratings(self) -> Ratings:
        """Return the ratings in columns, by user, then time, then movie."""
        return Ratings(self.repeated(self.user_ids), self.movie_ids[self.items], self.stars, self.rated_at)

    @property
    def n_users(self) -> int:
        """The number of users, including those without ratings."""
        return self.offsets.size - 1

    def in_memory(self) -> "Interactions":
        """Return these ratings themselves."""
        return self

    def total(self, kernel: Kernel) -> Arrays:
        """Sum a kernel over batches of users."""
        totals = kernel.zeros()
        for batch in self.batches(BLOCK_RATINGS):
            kernel.add(totals, batch)
        return totals

    def per_user(self, columns: UserColumns) -> NDArray[np.int64]:
        """Return the columns at once."""
        return np.stack([self.user_ids, *columns(self)])

    def read_users(self, user_ids: NDArray[np.int64]) -> "Interactions":
        """Return the users with these ids, which ascend."""
        return self.select_users(self.user_ids.searchsorted(user_ids))

    def derive(self, step: Step) -> "Interactions":
        """Take the step at once."""
        return step(self)

    @cached_property
    def users(self) -> NDArray[np.int64]:
        """The user of every rating."""
        return self.repeated(np.arange(self.n_users))

    @cached_property
    def rating_counts(self) -> NDArray[np.int64]:
        """The number of ratings of each user."""
        return _steps(self.offsets)

    @cached_property
    def liked(self) -> NDArray[np.bool_]:
        """Whether each rating is positive."""
        return self.stars >= LIKE_THRESHOLD

    @cached_property
    def like_counts(self) -> NDArray[np.int64]:
        """The number of positive ratings of each user."""
        if self.n_users == 1:
            return np.array([np.count_nonzero(self.liked)])
        return _steps(running_count(self.liked)[self.offsets])

    @property
    def positions(self) -> NDArray[np.int64]:
        """The number of earlier ratings of the same user, for every rating."""
        return np.arange(self.items.size) - self.repeated(self.offsets[:-1])

    @cached_property
    def ages(self) -> NDArray[np.int64]:
        """The number of later ratings of the same user, for every rating."""
        return self.broadcast(self.offsets[1:] - 1) - np.arange(self.items.size)

    def repeated(self, of_users: NDArray[Number]) -> NDArray[Number]:
        """Return for every rating the value of its user."""
        return of_users.repeat(self.rating_counts)

    def broadcast(self, of_users: NDArray[Number]) -> NDArray[Number]:
        """Return the same, or for a single user one value that NumPy repeats: the row "recommended movies"."""
        return of_users if self.n_users == 1 else self.repeated(of_users)

    def sums(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return for every user the sum of a value of the ratings."""
        is_single = self.n_users == 1
        sums: NDArray[Any] = (
            values.sum(dtype=np.float64, keepdims=True) if is_single else np.bincount(self.users, values, self.n_users)
        )
        return sums

    def likes(self) -> csr_array[np.float32, tuple[int, int]]:
        """Return the matrix, users by items, with a one for every positive rating."""
        offsets = np.append(0, np.cumsum(self.like_counts))
        items = self.items[self.liked]
        return csr_array((np.ones(items.size, np.float32), items, offsets), shape=(self.n_users, self.n_items))

    def select_ratings(self, chosen: NDArray[np.bool_]) -> Self:
        """Return the chosen ratings over the same users and movies; a user may have none left."""
        offsets = running_count(chosen)[self.offsets]
        items, stars, rated_at = self.items[chosen], self.stars[chosen], self.rated_at[chosen]
        return type(self)(self.movie_ids, offsets, items, stars, rated_at, self.user_ids)

    def reindexed_to(self, movie_ids: NDArray[np.int64]) -> Self:
        """Index the same ratings by another catalogue of ascending ids, without those of movies it lacks."""
        places, is_there = index_of(movie_ids, self.movie_ids)
        kept = self.select_ratings(is_there[self.items])
        return type(self)(movie_ids, kept.offsets, places[kept.items], kept.stars, kept.rated_at, kept.user_ids)

    def batches(self, n_ratings: int) -> Iterator[Self]:
        """Yield batches of whole users with about ``n_ratings`` ratings each, as views."""
        firsts = np.unique(np.searchsorted(self.offsets[:-1], np.arange(0, max(self.items.size, 1), n_ratings)))
        for first, end in pairwise([*firsts.tolist(), self.n_users]):
            rows = slice(self.offsets[first], self.offsets[end])
            offsets = self.offsets[first : end + 1] - self.offsets[first]
            items, stars, rated_at = self.items[rows], self.stars[rows], self.rated_at[rows]
            yield type(self)(self.movie_ids, offsets, items, stars, rated_at, self.user_ids[first:end])

    def select_users(self, users: NDArray[np.int64]) -> Self:
        """Return the chosen users, renumbered in the order given."""
        counts = self.rating_counts[users]
        offsets = np.append(0, np.cumsum(counts))
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[users] - offsets[:-1], counts)
        items, stars, rated_at = self.items[rows], self.stars[rows], self.rated_at[rows]
        return type(self)(self.movie_ids, offsets, items, stars, rated_at, self.user_ids[users])


def _by_user_and_time(ratings: Ratings) -> NDArray[np.int64]:
    """Return the order by user, then time, then movie."""
    users, moments = ratings.user_ids, ratings.rated_at
    same, later = np.diff(users) == 0, np.diff(moments)
    follows = same & ((later > 0) | ((later == 0) & (np.diff(ratings.movie_ids) > 0)))
    if (follows | (np.diff(users) > 0)).all():
        return np.arange(users.size)
    if (np.diff(users) < 0).any() or (same & (np.diff(ratings.movie_ids) < 0)).any():
        return np.lexsort((ratings.movie_ids, moments, users))
    # The ratings come by user and movie, as an ingestion writes them. A stable sort by one key of user and time is
    # faster than a sort by three keys, because it exploits that the users are in order.
    number = np.cumsum(np.diff(users, prepend=users[:1]) != 0)
    first, span = int(moments.min(initial=0)), int(np.ptp(moments)) + 1 if moments.size else 1
    return np.argsort(number * span + (moments - first), kind="stable")


def index_of(
    ascending: NDArray[np.integer[Any]], wanted: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the index of each wanted number and whether it exists; the index is meaningless if not."""
    if not ascending.size:
        return np.zeros(wanted.size, np.int32), np.zeros(wanted.size, np.bool_)
    places = np.minimum(ascending.searchsorted(wanted), ascending.size - 1).astype(np.int32)
    return places, ascending[places] == wanted


def inverse_index(chosen: NDArray[np.int64], n_items: int) -> NDArray[np.int32]:
    """Return the position of each item among the chosen ones, -1 for the others."""
    places = np.full(n_items, -1, np.int32)
    places[chosen] = np.arange(chosen.size)
    return places


def running_count(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the number of chosen entries before each position, and in total: one number more than entries."""
    counts = np.zeros(chosen.size + 1, np.int64)
    np.cumsum(chosen, out=counts[1:])
    return counts


def _steps(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    return ascending[1:] - ascending[:-1]
