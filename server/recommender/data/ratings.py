"""Ratings in columns, as a database returns them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LIKE_THRESHOLD = 4.0
"""A rating is positive from this number of stars on."""


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
