"""What a movie is worth to a user before there is evidence: by its genres and the decade it is from."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.catalogue import UNKNOWN_YEAR, Catalogue

PENALTY = 20.0
"""A genre or a decade counts half of what it shows when it has so many movies."""


@dataclass(frozen=True, eq=False)
class ColdStartScorer:
    """One user's ridge regression of the scores of movies on their genres and decades."""

    genre_names: NDArray[np.str_]
    decades: NDArray[np.int64]
    """Those of the movies it was learned from, ascending."""
    weights: NDArray[np.float64]
    """Of the genres, then of the decades."""

    @classmethod
    def learn(cls, movies: Catalogue, scores: NDArray[np.float64]) -> Self:
        """Learn from the scores of movies."""
        decades = np.unique(movies.years[movies.years != UNKNOWN_YEAR] // 10).astype(np.int64)
        inputs = _inputs(movies, movies.genre_names, decades)
        inputs -= inputs.mean(axis=0)
        gram = inputs.T @ inputs + PENALTY * np.eye(inputs.shape[1])
        return cls(movies.genre_names, decades, np.linalg.solve(gram, inputs.T @ (scores - scores.mean())))

    def below(self, lowest: float, movies: Catalogue) -> NDArray[np.float64]:
        """Score movies lower than ``lowest``: the best of them just so, the others by what they are worth less."""
        worth = _inputs(movies, self.genre_names, self.decades) @ self.weights
        scores: NDArray[np.float64] = np.nextafter(lowest, -np.inf) - (worth.max(initial=-np.inf) - worth)
        return scores


def _inputs(movies: Catalogue, genre_names: NDArray[np.str_], decades: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return movies by genres and decades, ones and zeros; a movie from before or after belongs to the nearest."""
    genres = np.zeros((len(movies), genre_names.size))
    _, known, own = np.intersect1d(genre_names, movies.genre_names, return_indices=True)
    genres[:, known] = movies.genres[:, own]
    if not decades.size:
        return genres
    nearest = np.clip(movies.years // 10, decades[0], decades[-1])
    is_of_decade = (nearest[:, None] == decades) & (movies.years != UNKNOWN_YEAR)[:, None]
    return np.column_stack([genres, is_of_decade])
