"""Factors for the movies without weights, from the tastes of their few raters and from their genres and years."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.scoring import FACTORS, NO_DECAY, EaseConfig, weighted_matrix
from server.recommender.algorithms.ease.statistics import CooccurrenceStatistics
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.checks import check_array, check_ascending, check_dtype
from server.recommender.data.interactions import Arrays, Interactions, Source
from server.recommender.data.traits import TraitRegression

PENALTY = 500.0
"""Ridge penalty on the factors of a movie."""

PRIOR_RATERS = 3.0
"""Genres and decade count like this number of raters."""

ITERATIONS = 10
"""Multiplications by the Gram matrix, from which its first directions emerge."""

ITEMS_AT_A_TIME = 16_384
"""Items whose factors are converted to floating point at a time."""

LARGEST_CODE = 127


@dataclass(frozen=True, eq=False)
class TailFactors:
    """Movies without weights. A score is the product of the user's taste with the factors of the movie.

    A user's taste is the projection of the preferences onto the first directions of their Gram matrix, so it is a sum
    over the ratings, like the scores of the other movies. The factors minimize the squared error of the preferences of
    the movie's raters, as if raters of the mean taste for its genres and its decade had been among them.
    """

    items: NDArray[np.int64]
    """Ascending."""
    codes: NDArray[np.int8]
    """Items by factors, as shares of the largest."""
    scales: NDArray[np.float32]
    """The value of a code of 1, for each item."""

    @classmethod
    def fit(
        cls,
        source: Source,
        head: NDArray[np.int64],
        tastes: "Tastes",
        catalogue: Catalogue,
        config: EaseConfig,
    ) -> Self:
        """Solve for the factors of the most rated items outside the head for which there is memory."""
        items = _most_rated_others(source, head, config)
        (sums,) = source.total(_TasteKernel(head, items, tastes.directions, config.max_user_ratings))
        by_traits = TraitRegression.learn(catalogue.of_items(head), tastes.of_raters)
        for part in _parts(items.size):
            sums[part] += PRIOR_RATERS * by_traits.predict(catalogue.of_items(items[part]))
        factors = sums / (tastes.strengths + np.float32(PENALTY))
        scales = np.abs(factors).max(axis=1, initial=0) / np.float32(LARGEST_CODE)
        codes = np.rint(factors / np.where(scales > 0, scales, 1)[:, None]).astype(np.int8)
        return cls(items, codes, scales)

    def scores(self, tastes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the personal scores of all items for the taste of each user, users by items."""
        sums = np.empty((len(tastes), self.items.size), np.float32)
        for part in _parts(self.items.size):
            sums[:, part] = tastes @ self.codes[part].astype(np.float32).T
        sums *= self.scales
        return sums

    def scores_of(self, places: NDArray[np.int32], taste: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the personal scores of the items at some places for the taste of one user."""
        scores: NDArray[np.float32] = self.codes.take(places, axis=0).astype(np.float32) @ taste
        scores *= self.scales[places]
        return scores

    @property
    def lengths(self) -> NDArray[np.float32]:
        """The length of the factors of each item."""
        lengths = np.empty(self.items.size, np.float32)
        for part in _parts(lengths.size):
            lengths[part] = np.linalg.norm(self.codes[part].astype(np.float32), axis=1)
        lengths *= self.scales
        return lengths

    def factors(self, places: NDArray[np.integer[Any]] | np.integer[Any]) -> NDArray[np.float32]:
        """Return the factors of the items at some places, or of the item at one."""
        factors: NDArray[np.float32] = self.codes[places] * np.asarray(self.scales[places])[..., None]
        return factors

    def cosines(self, factors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosines between factors and those of each item."""
        angles = np.empty(self.items.size, np.float32)
        for part in _parts(angles.size):
            angles[part] = cosines(self.codes[part].astype(np.float32), factors)
        return angles

    def check(self, n_items: int, *, n_factors: int) -> None:
        """Raise `ValueError` if the arrays do not fit together, or not to a catalogue of this size."""
        check_dtype(self.items, np.int64)
        check_array(self.items, (self.items.size,), lowest=0, highest=n_items - 1)
        check_ascending(self.items)
        check_dtype(self.codes, np.int8)
        check_array(self.codes, (self.items.size, n_factors))
        check_dtype(self.scales, np.float32)
        check_array(self.scales, (self.items.size,), lowest=0)


@dataclass(frozen=True, eq=False)
class Tastes:
    """The first directions of the Gram matrix of all preferences."""

    directions: NDArray[np.float32]
    """Items with weights by directions."""
    strengths: NDArray[np.float32]
    """The sum of the squared projections of all users onto each."""
    of_raters: NDArray[np.float32]
    """The mean projection of the raters of each item, weighted by preference."""

    @classmethod
    def of(cls, statistics: CooccurrenceStatistics) -> Self:
        """Return the directions by subspace iteration from a random start.

        Halko, Martinsson and Tropp, Finding structure with randomness (SIAM Review 2011).
        """
        size = statistics.order.size
        n = min(FACTORS, size)
        basis = np.random.default_rng(0).standard_normal((size, min(2 * n, size)), np.float32)
        for _ in range(ITERATIONS):
            basis = np.linalg.qr(statistics.project(basis))[0]
        values, rotation = np.linalg.eigh(basis.T @ statistics.project(basis))
        strengths = np.maximum(values[-n:], 0)
        directions = (basis @ rotation[:, -n:])[statistics.order]
        # Rounding decides the sign of a direction; with this one it does not depend on blocks and threads.
        directions *= np.sign(np.sum(directions**3, axis=0))
        counts = statistics.squares[statistics.order]
        return cls(directions, strengths, directions * strengths / (counts[:, None] + 1))


def cosines(rows: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine of each row of a matrix with one more row, 0 for a row of zeros."""
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(row)
    return (rows @ row / np.where(lengths > 0, lengths, 1)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _TasteKernel:
    """The sum of the tastes of the raters of each item, weighted by preference."""

    head: NDArray[np.int64]
    items: NDArray[np.int64]
    directions: NDArray[np.float32]
    max_user_ratings: int

    def zeros(self) -> Arrays:
        return (np.zeros((self.items.size, self.directions.shape[1]), np.float32),)

    def add(self, totals: Arrays, block: Interactions) -> None:
        latest = block.select_ratings(block.ages < self.max_user_ratings)
        tastes = weighted_matrix(latest, self.head, NO_DECAY) @ self.directions
        totals[0][:] += weighted_matrix(latest, self.items, NO_DECAY).T @ tastes


def _most_rated_others(source: Source, head: NDArray[np.int64], config: EaseConfig) -> NDArray[np.int64]:
    """Return the most rated items outside the head, ascending, as many as fit into the tail's memory."""
    counts = source.summary.item_counts.copy()
    counts[head] = 0
    n_items = min(np.count_nonzero(counts), config.max_tail_items)
    return np.sort(np.argsort(-counts, kind="stable")[:n_items])


def _parts(size: int) -> Iterator[slice]:
    return (slice(start, start + ITEMS_AT_A_TIME) for start in range(0, size, ITEMS_AT_A_TIME))
