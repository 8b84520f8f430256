"""What is known of every movie before anyone has rated it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.base import Array

UNKNOWN_YEAR = 0


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Movies by ascending id, in columns of one length, with what a person reads on the box."""

    movie_ids: NDArray[np.int64]
    years: NDArray[np.int16]
    """Of release; ``UNKNOWN_YEAR`` where the source has none."""
    genres: NDArray[np.bool_]
    """Movies by genres."""
    genre_names: NDArray[np.str_]
    """The name of each column of ``genres``."""

    @classmethod
    def of_ids(cls, movie_ids: NDArray[np.int64]) -> Self:
        """Build a catalogue of which nothing but the ids is known."""
        ascending = np.unique(movie_ids)
        nothing = np.zeros((ascending.size, 0), np.bool_)
        return cls(ascending, np.full(ascending.size, UNKNOWN_YEAR, np.int16), nothing, np.empty(0, np.str_))

    def __len__(self) -> int:
        return self.movie_ids.size

    def arrays(self) -> dict[str, Array]:
        """Return all columns, by name."""
        return dict(vars(self))
