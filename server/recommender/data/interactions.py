"""Ratings by index, as an algorithm needs them: a source of any number, and those in memory."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from server.recommender.data.positions import index_of, running_count
from server.recommender.data.ratings import LIKE_THRESHOLD, History, Ratings

Number = TypeVar("Number", bound=np.generic)

ONE_USER = np.zeros(1, np.int64)
"""The id of the only user of a history."""

BLOCK_RATINGS = 1_500_000
"""Ratings in a block, about: the memory that sums need beside their totals grows with it."""

Arrays = tuple[NDArray[Any], ...]

Step = Callable[["Interactions"], "Interactions"]
"""Takes a block and returns it with fewer ratings or users. It must not depend on where a block begins and ends."""

UserColumns = Callable[["Interactions"], Sequence[NDArray[np.int64]]]
"""Takes a block and returns numbers for each of its users."""

RECENT_SHARE = 0.1
"""The newest part of all ratings that counts as recent."""

TIME_BITS = 20
"""Times are counted by their high bits, then by this number of low bits: twelve days."""

FIRST_PERIOD, PERIODS = -(1 << 18), 1 << 19
"""The periods of twelve days that are counted: eight thousand years before 1970 and after."""


class Kernel(Protocol):
    """A sum over users: the sum over all blocks does not depend on how users are divided into them."""

    def zeros(self) -> Arrays:
        """Return the sums of no users."""

    def add(self, totals: Arrays, block: "Interactions") -> None:
        """Add a block of users to the sums, in place."""


@dataclass(frozen=True, eq=False)
class Summary:
    """Counts of the ratings of a source."""

    n_users: int
    item_counts: NDArray[np.int64]
    """The number of ratings of each item."""
    like_counts: NDArray[np.int64]
    """The number of positive ratings of each item."""
    periods: NDArray[np.int64]
    """The number of ratings in each period of time."""

    @property
    def n_ratings(self) -> int:
        """The number of ratings."""
        return int(self.item_counts.sum())

    @property
    def n_rated(self) -> int:
        """The number of movies with a rating."""
        return int(np.count_nonzero(self.item_counts))

    @property
    def n_likes(self) -> int:
        """The number of positive ratings."""
        return int(self.like_counts.sum())


class Source(ABC):
    """Ratings by index, as `Interactions` are, that need not be in memory.

    Users come in the order of their ids. A source can sum over users, make a table with a row for each user, and read
    the ratings of a few users.
    """

    movie_ids: NDArray[np.int64]
    """The id of each item, ascending."""

    @abstractmethod
    def total(self, kernel: Kernel) -> Arrays:
        """Return the sums of a kernel over all users."""

    @abstractmethod
    def per_user(self, columns: UserColumns) -> NDArray[np.int64]:
        """Return the id of each user, ascending, and the columns: 1 + columns by users."""

    @abstractmethod
    def read_users(self, user_ids: NDArray[np.int64]) -> "Interactions":
        """Read the ratings of some users of the source, whose ids ascend, into memory."""

    @abstractmethod
    def derive(self, step: Step) -> "Source":
        """Return the ratings that a step leaves."""

    @abstractmethod
    def in_memory(self) -> "Interactions":
        """Read all ratings into memory, for an algorithm that needs them at once."""

    @property
    def n_items(self) -> int:
        """The number of movies in the catalogue."""
        return self.movie_ids.size

    @cached_property
    def summary(self) -> Summary:
        """The counts of the ratings."""
        n_users, *counts = self.total(_Counts(self.n_items))
        return Summary(int(n_users[0]), *counts)

    @property
    def like_shares(self) -> NDArray[np.float64]:
        """The share of all users with a positive rating of each movie."""
        return self.summary.like_counts / self.summary.n_users

    @cached_property
    def recent_moment(self) -> int:
        """The time at which the newest ratings of all begin."""
        return self.time_quantile(1 - RECENT_SHARE)

    @cached_property
    def recent_like_counts(self) -> NDArray[np.int64]:
        """The number of positive ratings of each item among the newest ratings of all."""
        (counts,) = self.total(_RecentLikes(self.n_items, self.recent_moment))
        return counts

    def time_quantile(self, share: float) -> int:
        """Return the time up to which this share of all ratings, at least one, was given: of two times the lower."""
        place = int((self.summary.n_ratings - 1) * share)
        ends = np.cumsum(self.summary.periods)
        period = int(np.searchsorted(ends, place, side="right"))
        first = (FIRST_PERIOD + period) << TIME_BITS
        (counts,) = self.total(_Moments(first))
        before = int(ends[period] - self.summary.periods[period])
        return first + int(np.searchsorted(np.cumsum(counts), place - before, side="right"))


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


def _steps(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    return ascending[1:] - ascending[:-1]


@dataclass(frozen=True)
class _Counts:
    """Users, ratings and positive ratings by item, and ratings by period."""

    n_items: int

    def zeros(self) -> Arrays:
        return tuple(np.zeros(size, np.int64) for size in (1, self.n_items, self.n_items, PERIODS))

    def add(self, totals: Arrays, block: "Interactions") -> None:
        n_users, items, likes, periods = totals
        n_users += block.n_users
        items += np.bincount(block.items, minlength=self.n_items)
        likes += np.bincount(block.items[block.liked], minlength=self.n_items)
        periods += np.bincount((block.rated_at >> TIME_BITS) - FIRST_PERIOD, minlength=PERIODS)


@dataclass(frozen=True)
class _Moments:
    """Ratings by second in one period."""

    first: int

    def zeros(self) -> Arrays:
        return (np.zeros(1 << TIME_BITS, np.int64),)

    def add(self, totals: Arrays, block: "Interactions") -> None:
        seconds = block.rated_at - self.first
        inside = (seconds >= 0) & (seconds < 1 << TIME_BITS)
        totals[0][:] += np.bincount(seconds[inside], minlength=1 << TIME_BITS)


@dataclass(frozen=True)
class _RecentLikes:
    """Positive ratings by item from a moment on."""

    n_items: int
    moment: int

    def zeros(self) -> Arrays:
        return (np.zeros(self.n_items, np.int64),)

    def add(self, totals: Arrays, block: "Interactions") -> None:
        is_recent = block.liked & (block.rated_at >= self.moment)
        totals[0][:] += np.bincount(block.items[is_recent], minlength=self.n_items)
