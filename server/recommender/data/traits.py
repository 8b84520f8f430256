"""A regression on genres and decades: the expectation for a movie that nobody has rated."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.catalogue import UNKNOWN_YEAR, Catalogue

PENALTY = 20.0
"""Ridge penalty: the weight of a genre or decade with this many movies is shrunken by half."""

Target = NDArray[np.floating[Any]]
"""One value for each movie, or a row of values."""


@dataclass(frozen=True, eq=False)
class TraitRegression:
    """A ridge regression of values of movies on their genres and decades."""

    genre_names: NDArray[np.str_]
    decades: NDArray[np.int64]
    """The decades of the training movies, ascending."""
    weights: Target
    """The weights of the genres, then of the decades."""
    intercept: Target

    @classmethod
    def learn(cls, movies: Catalogue, values: Target) -> Self:
        """Fit the regression to values of one or more movies."""
        decades = np.unique(movies.years[movies.years != UNKNOWN_YEAR] // 10).astype(np.int64)
        inputs = _inputs(movies, movies.genre_names, decades)
        means, mean_value = inputs.mean(axis=0), values.mean(axis=0)
        inputs -= means
        gram = inputs.T @ inputs + PENALTY * np.eye(inputs.shape[1])
        weights = np.linalg.solve(gram, inputs.T @ (values - mean_value))
        return cls(movies.genre_names, decades, weights, mean_value - means @ weights)

    def predict(self, movies: Catalogue) -> Target:
        """Return the expected values of other movies."""
        expected: Target = _inputs(movies, self.genre_names, self.decades) @ self.weights + self.intercept
        return expected


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
