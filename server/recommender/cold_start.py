"""Scores for movies without ratings: by genres and decade."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.catalogue import UNKNOWN_YEAR, Catalogue

PENALTY = 20.0
"""Ridge penalty: the weight of a genre or decade with this many movies is shrunken by half."""


@dataclass(frozen=True, eq=False)
class ColdStartScorer:
    """A ridge regression of one user's scores on the genres and decades of the movies."""

    genre_names: NDArray[np.str_]
    decades: NDArray[np.int64]
    """The decades of the training movies, ascending."""
    weights: NDArray[np.float64]
    """The weights of the genres, then of the decades."""

    @classmethod
    def learn(cls, movies: Catalogue, scores: NDArray[np.float64]) -> Self:
        """Fit the regression to the scores of movies."""
        decades = np.unique(movies.years[movies.years != UNKNOWN_YEAR] // 10).astype(np.int64)
        inputs = _inputs(movies, movies.genre_names, decades)
        inputs -= inputs.mean(axis=0)
        gram = inputs.T @ inputs + PENALTY * np.eye(inputs.shape[1])
        return cls(movies.genre_names, decades, np.linalg.solve(gram, inputs.T @ (scores - scores.mean())))

    def below(self, lowest: float, movies: Catalogue) -> NDArray[np.float64]:
        """Return scores below ``lowest``: the best movie just below, the others by the difference of the regression."""
        worth = _inputs(movies, self.genre_names, self.decades) @ self.weights
        scores: NDArray[np.float64] = np.nextafter(lowest, -np.inf) - (worth.max(initial=-np.inf) - worth)
        return scores


def _inputs(movies: Catalogue, genre_names: NDArray[np.str_], decades: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return movies by genres and decades, as ones and zeros; years out of range belong to the nearest decade."""
    genres = np.zeros((len(movies), genre_names.size))
    _, known, own = np.intersect1d(genre_names, movies.genre_names, return_indices=True)
    genres[:, known] = movies.genres[:, own]
    if not decades.size:
        return genres
    nearest = np.clip(movies.years // 10, decades[0], decades[-1])
    is_of_decade = (nearest[:, None] == decades) & (movies.years != UNKNOWN_YEAR)[:, None]
    return np.column_stack([genres, is_of_decade])
