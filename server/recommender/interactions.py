"""Ratings as numbers: in columns as a database hands them over, and by index as an algorithm needs them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

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


@dataclass(frozen=True, eq=False)
class Interactions:
    """Ratings by index: user ``u`` has the rows ``offsets[u]:offsets[u + 1]``, in ascending order of items.

    Users are numbered by ascending id, items are the whole catalogue by ascending id, rated or not, so that
    the order in which ratings arrive makes no difference.
    """

    movie_ids: NDArray[np.int64]
    """The id of each item, ascending."""
    offsets: NDArray[np.int64]
    """One more than there are users."""
    items: NDArray[np.int64]
    stars: NDArray[np.float32]
    rated_at: NDArray[np.int64]

    @classmethod
    def from_ratings(cls, ratings: Ratings, catalogue_movie_ids: NDArray[np.int64]) -> Self:
        """Index ratings by user and movie. Ratings of movies outside the catalogue are left out."""
        movie_ids = np.unique(catalogue_movie_ids)
        order = np.lexsort((ratings.movie_ids, ratings.user_ids))
        order = order[is_among(ratings.movie_ids[order], movie_ids)]
        first_of_user = np.flatnonzero(np.diff(ratings.user_ids[order], prepend=-1))
        return cls._from_columns(ratings, movie_ids, order, np.append(first_of_user, order.size))

    @classmethod
    def from_history(cls, history: History, movie_ids: NDArray[np.int64]) -> Self:
        """Index one user's history by the movies of a model, whose ids must ascend."""
        order = np.argsort(history.movie_ids)
        order = order[is_among(history.movie_ids[order], movie_ids)]
        return cls._from_columns(history, movie_ids, order, np.array([0, order.size]))

    @classmethod
    def _from_columns(
        cls,
        columns: Ratings | History,
        movie_ids: NDArray[np.int64],
        order: NDArray[np.int64],
        offsets: NDArray[np.int64],
    ) -> Self:
        items = np.searchsorted(movie_ids, columns.movie_ids[order])
        return cls(movie_ids, offsets, items, columns.ratings[order], columns.rated_at[order])

    @property
    def n_users(self) -> int:
        """Number of users, those without ratings included."""
        return self.offsets.size - 1

    @property
    def n_items(self) -> int:
        """Number of movies in the catalogue."""
        return self.movie_ids.size

    @property
    def users(self) -> NDArray[np.int64]:
        """The user of every rating."""
        return np.repeat(np.arange(self.n_users), self.rating_counts)

    @property
    def rating_counts(self) -> NDArray[np.int64]:
        """How many movies each user has rated."""
        return np.diff(self.offsets)

    @property
    def liked(self) -> NDArray[np.bool_]:
        """Whether each rating is a like."""
        return self.stars >= LIKE_THRESHOLD

    @property
    def like_counts(self) -> NDArray[np.int64]:
        """How many movies each user likes."""
        return np.diff(np.append(0, np.cumsum(self.liked))[self.offsets])

    @property
    def like_shares(self) -> NDArray[np.float64]:
        """Share of all users who like each movie."""
        return np.bincount(self.items[self.liked], minlength=self.n_items) / self.n_users

    @property
    def ages(self) -> NDArray[np.int64]:
        """How many of the same user's ratings are later than each; of one moment, the larger item is the later."""
        users = self.users
        by_time = np.lexsort((self.items, self.rated_at, users))
        ages = np.empty(users.size, np.int64)
        ages[by_time] = self.offsets[1:][users] - 1 - np.arange(users.size)
        return ages

    def likes(self) -> csr_array[np.float32, tuple[int, int]]:
        """Return the matrix, users by items, with a one for every like."""
        offsets = np.append(0, np.cumsum(self.like_counts))
        items = self.items[self.liked]
        return csr_array((np.ones(items.size, np.float32), items, offsets), shape=(self.n_users, self.n_items))

    def of_ratings(self, chosen: NDArray[np.bool_]) -> Self:
        """Keep the chosen ratings, of the same users and movies; a user may be left without any."""
        offsets = np.append(0, np.cumsum(chosen))[self.offsets]
        return type(self)(self.movie_ids, offsets, self.items[chosen], self.stars[chosen], self.rated_at[chosen])

    def over(self, movie_ids: NDArray[np.int64]) -> Self:
        """Index the same ratings by another catalogue, of ascending ids; those of movies it lacks are left out."""
        kept = self.of_ratings(is_among(self.movie_ids, movie_ids)[self.items])
        items = np.searchsorted(movie_ids, self.movie_ids[kept.items])
        return type(self)(movie_ids, kept.offsets, items, kept.stars, kept.rated_at)

    def of_users(self, users: NDArray[np.int64]) -> Self:
        """Keep the chosen users, numbered anew in the order given."""
        counts = self.rating_counts[users]
        offsets = np.append(0, np.cumsum(counts))
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[users] - offsets[:-1], counts)
        return type(self)(self.movie_ids, offsets, self.items[rows], self.stars[rows], self.rated_at[rows])


def is_among(wanted: NDArray[np.int64], ascending: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Like ``np.isin``, without going through the whole catalogue for a short history."""
    return np.searchsorted(ascending, wanted, side="left") < np.searchsorted(ascending, wanted, side="right")
