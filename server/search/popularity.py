"""The numbers of ratings that weigh in the ranking, as a snapshot that all processes share."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from server.search.sealed import seal, unseal


class Popularity(NamedTuple):
    """The number of ratings of each movie, in ascending order of the movie ids."""

    movie_ids: NDArray[np.int64]
    ratings: NDArray[np.int64]

    def look_up(self, movie_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of ratings of movies; 0 for unknown ones."""
        if not self.movie_ids.size:
            return np.zeros_like(movie_ids)
        position = np.minimum(np.searchsorted(self.movie_ids, movie_ids), self.movie_ids.size - 1)
        return np.where(self.movie_ids[position] == movie_ids, self.ratings[position], 0)

    def pack(self) -> bytes:
        """Serialize the snapshot."""
        return seal(self._asdict())

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """Return a snapshot that `pack` has serialized. Raise `ValueError` if the bytes are damaged."""
        arrays = unseal(content)
        popularity = [arrays.get(name) for name in cls._fields]
        if any(array is None or array.dtype != np.int64 or array.ndim != 1 for array in popularity):
            raise ValueError("The bytes are not a snapshot of the popularity.")
        movie_ids, ratings = (np.asarray(array, dtype=np.int64) for array in popularity)
        if movie_ids.size != ratings.size or (np.diff(movie_ids) <= 0).any() or (ratings < 0).any():
            raise ValueError("The snapshot of the popularity is inconsistent.")
        return cls(movie_ids, ratings)
