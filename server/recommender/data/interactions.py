"""Ratings as numbers: in columns as a database hands them over, and by index as an algorithm needs them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Number = TypeVar("Number", bound=np.generic)

LIKE_THRESHOLD = 4.0
"""A user likes a movie when he gives it at least so many stars."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings in columns of one length, in any order; at most one of a user and a movie."""

    user_ids: NDArray[np.int64]
    movie_ids: NDArray[np.int64]
    ratings: NDArray[np.float32]
    """Stars, 0.5 to 5.0."""
    rated_at: NDArray[np.int64]
    """Seconds since 1970, UTC."""

    def __len__(self) -> int:
        return self.user_ids.size


@dataclass(frozen=True, eq=False)
class History:
    """What one user has rated until now, in columns of one length, in any order; may be empty.

    Movies that a model does not know may be among it: they are ignored.
    """

    movie_ids: NDArray[np.int64]
    ratings: NDArray[np.float32]
    rated_at: NDArray[np.int64]

    @property
    def content(self) -> bytes:
        """All columns, byte by byte: what tells one history from another."""
        return self.movie_ids.tobytes() + self.ratings.tobytes() + self.rated_at.tobytes()


@dataclass(frozen=True, eq=False)
class Interactions:
    """Ratings by index: user ``u`` has the rows ``offsets[u]:offsets[u + 1]``, his latest rating last.

    Users are numbered by ascending id, items are the whole catalogue by ascending id, rated or not; of one moment
    the larger item is the later. So the order in which ratings arrive makes no difference.
    """

    movie_ids: NDArray[np.int64]
    """The id of each item, ascending."""
    offsets: NDArray[np.int64]
    """One more than there are users."""
    items: NDArray[np.int32]
    stars: NDArray[np.float32]
    rated_at: NDArray[np.int64]

    @classmethod
    def from_ratings(cls, ratings: Ratings, catalogue_movie_ids: NDArray[np.int64]) -> Self:
        """Index ratings by user and movie. Ratings of movies outside the catalogue are left out."""
        movie_ids = np.unique(catalogue_movie_ids)
        order = _by_user_and_time(ratings)
        items, is_known = index_of(movie_ids, ratings.movie_ids)
        if not is_known.all():
            order = order[is_known[order]]
        first_of_user = np.flatnonzero(np.diff(ratings.user_ids[order], prepend=-1))
        offsets = np.append(first_of_user, order.size)
        return cls(movie_ids, offsets, items[order], ratings.ratings[order], ratings.rated_at[order])

    @classmethod
    def from_history(cls, history: History, movie_ids: NDArray[np.int64]) -> Self:
        """Index one user's history by the movies of a model, whose ids must ascend."""
        # Found in the order in which they come, which is mostly that of their ids: the search goes on where it was.
        items, is_known = index_of(movie_ids, history.movie_ids)
        order = np.lexsort((history.movie_ids, history.rated_at))
        order = order[is_known[order]]
        return cls(movie_ids, np.array([0, order.size]), items[order], history.ratings[order], history.rated_at[order])

    @property
    def n_users(self) -> int:
        """Number of users, those without ratings included."""
        return self.offsets.size - 1

    @property
    def n_items(self) -> int:
        """Number of movies in the catalogue."""
        return self.movie_ids.size

    @cached_property
    def users(self) -> NDArray[np.int64]:
        """The user of every rating; kept, as all that is asked for more than once of a history."""
        return self.repeated(np.arange(self.n_users))

    @cached_property
    def rating_counts(self) -> NDArray[np.int64]:
        """How many movies each user has rated."""
        return _steps(self.offsets)

    @cached_property
    def liked(self) -> NDArray[np.bool_]:
        """Whether each rating is a like."""
        return self.stars >= LIKE_THRESHOLD

    @cached_property
    def like_counts(self) -> NDArray[np.int64]:
        """How many movies each user likes."""
        return _steps(running_count(self.liked)[self.offsets])

    @property
    def like_shares(self) -> NDArray[np.float64]:
        """Share of all users who like each movie."""
        return np.bincount(self.items[self.liked], minlength=self.n_items) / self.n_users

    @cached_property
    def ages(self) -> NDArray[np.int64]:
        """How many of the same user's ratings are later than each."""
        return self.repeated(self.offsets[1:] - 1) - np.arange(self.items.size)

    def repeated(self, select_users: NDArray[Number]) -> NDArray[Number]:
        """Give for every rating what there is of its user."""
        return select_users.repeat(self.rating_counts)

    def likes(self) -> csr_array[np.float32, tuple[int, int]]:
        """Return the matrix, users by items, with a one for every like."""
        offsets = np.append(0, np.cumsum(self.like_counts))
        items = self.items[self.liked]
        return csr_array((np.ones(items.size, np.float32), items, offsets), shape=(self.n_users, self.n_items))

    def select_ratings(self, chosen: NDArray[np.bool_]) -> Self:
        """Keep the chosen ratings, of the same users and movies; a user may be left without any."""
        offsets = running_count(chosen)[self.offsets]
        return type(self)(self.movie_ids, offsets, self.items[chosen], self.stars[chosen], self.rated_at[chosen])

    def over(self, movie_ids: NDArray[np.int64]) -> Self:
        """Index the same ratings by another catalogue, of ascending ids; those of movies it lacks are left out."""
        places, is_there = index_of(movie_ids, self.movie_ids)
        kept = self.select_ratings(is_there[self.items])
        return type(self)(movie_ids, kept.offsets, places[kept.items], kept.stars, kept.rated_at)

    def parts(self, n_ratings: int) -> Iterator[Self]:
        """Yield some users after the others, with about so many ratings at a time; nothing is copied."""
        firsts = np.unique(np.searchsorted(self.offsets[:-1], np.arange(0, max(self.items.size, 1), n_ratings)))
        for first, end in pairwise([*firsts.tolist(), self.n_users]):
            rows = slice(self.offsets[first], self.offsets[end])
            offsets = self.offsets[first : end + 1] - self.offsets[first]
            yield type(self)(self.movie_ids, offsets, self.items[rows], self.stars[rows], self.rated_at[rows])

    def select_users(self, users: NDArray[np.int64]) -> Self:
        """Keep the chosen users, numbered anew in the order given."""
        counts = self.rating_counts[users]
        offsets = np.append(0, np.cumsum(counts))
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[users] - offsets[:-1], counts)
        return type(self)(self.movie_ids, offsets, self.items[rows], self.stars[rows], self.rated_at[rows])


def _by_user_and_time(ratings: Ratings) -> NDArray[np.int64]:
    """Return the order by user, then time, then movie."""
    users, moments = ratings.user_ids, ratings.rated_at
    if (np.diff(users) < 0).any() or ((np.diff(users) == 0) & (np.diff(ratings.movie_ids) < 0)).any():
        return np.lexsort((ratings.movie_ids, moments, users))
    # They come by user and movie, as from an ingestion. A stable sort by time is left to do, of each user's ratings
    # alone: in one key, for a sort that makes use of the users' being in order.
    number = np.cumsum(np.diff(users, prepend=users[:1]) != 0)
    first, span = int(moments.min(initial=0)), int(np.ptp(moments)) + 1 if moments.size else 1
    return np.argsort(number * span + (moments - first), kind="stable")


def index_of(
    ascending: NDArray[np.integer[Any]], wanted: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return where each wanted number is, and whether it is there at all; a place of no meaning if not."""
    if not ascending.size:
        return np.zeros(wanted.size, np.int32), np.zeros(wanted.size, np.bool_)
    places = np.minimum(ascending.searchsorted(wanted), ascending.size - 1).astype(np.int32)
    return places, ascending[places] == wanted


def inverse_index(chosen: NDArray[np.int64], n_items: int) -> NDArray[np.int32]:
    """Return the place of each item among the chosen ones, -1 for the others."""
    places = np.full(n_items, -1, np.int32)
    places[chosen] = np.arange(chosen.size)
    return places


def running_count(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the chosen before each place, and before the end: one more number than places."""
    counts = np.zeros(chosen.size + 1, np.int64)
    np.cumsum(chosen, out=counts[1:])
    return counts


def _steps(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    return ascending[1:] - ascending[:-1]
