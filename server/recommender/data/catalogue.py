"""What is known of every movie before anyone has rated it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.base import Array

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

    @classmethod
    def of_movies(cls, movies: Iterable[tuple[int, int | None, Collection[str]]]) -> Self:
        """Build a catalogue from the id, the year and the names of the genres of each movie, in any order."""
        ascending = sorted(movies, key=itemgetter(0))
        names = sorted({name for _, _, genres in ascending for name in genres})
        return cls(
            movie_ids=np.array([movie_id for movie_id, _, _ in ascending], np.int64),
            years=np.array([year or UNKNOWN_YEAR for _, year, _ in ascending], np.int16),
            genres=np.array([[name in genres for name in names] for _, _, genres in ascending], np.bool_).reshape(
                len(ascending), len(names)
            ),
            genre_names=np.array(names, np.str_),
        )

    def __len__(self) -> int:
        return self.movie_ids.size

    def of_items(self, items: NDArray[np.int64]) -> Self:
        """Keep the movies with these indices, which ascend."""
        return type(self)(self.movie_ids[items], self.years[items], self.genres[items], self.genre_names)

    def arrays(self) -> dict[str, Array]:
        """Return all columns, by name."""
        return dict(vars(self))
