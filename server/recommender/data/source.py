"""Ratings of any number: read in blocks of whole users, as often as needed, wherever they are."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from server.recommender.data.interactions import Interactions

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
