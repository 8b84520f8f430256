"""The sums over all users from which the weights of EASE follow."""

from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from server.recommender.algorithms.ease.gram import (
    BLOCK_ROWS,
    Matrix,
    Rows,
    add_gram,
    add_product,
    invert_regularized,
    slices,
    solve_regularized,
    zero_matrix,
)
from server.recommender.algorithms.ease.scoring import Decay, EaseConfig, preference_weight
from server.recommender.data.interactions import Arrays, Interactions, Source
from server.recommender.data.positions import inverse_index
from server.recommender.data.random_numbers import draws
from server.recommender.data.threads import in_threads

SIMILARITY_SHRINKAGE = 10.0
"""Added to the product of the lengths of two items, as if by this number of ratings of other movies."""

SESSION_RATINGS = 50
"""Consecutive ratings of a user that count as one session."""

CUTS = (0.2, 0.4, 0.6, 0.8)
"""Shares of a user's ratings that are the past; the fifth after each is the future to predict."""

PAST_DECAY = Decay(scale=10.0, power=0.5)
"""The recency decay of the past."""


@dataclass(frozen=True, eq=False)
class CooccurrenceStatistics:
    """Sums of products of preferences, items by items, in the order of the number of ratings."""

    order: NDArray[np.int32]
    """The position of each chosen item in the matrices."""
    n_users: int
    totals: NDArray[np.float32]
    """The sum of the preferences for each item."""
    sums: Matrix
    """Two Gram matrices, which are symmetric, in one.

    The lower half, with the diagonal, is of rows with all that a user rated. The upper half is of rows with the ratings
    of one session; its diagonal is the same, because every rating is in one session.
    """

    @classmethod
    def gather(cls, source: Source, items: NDArray[np.int64], config: EaseConfig) -> Self:
        """Sum up the users' latest ratings of the chosen items."""
        columns = _columns(source, items)
        sums = source.total(_CooccurrenceKernel(columns, items.size, config.max_user_ratings))
        return cls(columns[items], source.summary.n_users, *sums)

    @property
    def squares(self) -> NDArray[np.float32]:
        """The sum of the squared preferences for each item."""
        return np.diag(self.sums)

    def whole(self, rows: slice) -> Matrix:
        """Return some rows of the Gram matrix ``X'X`` of whole histories."""
        chosen = self.sums[rows].copy()
        corner = np.tril(self.sums[rows, rows])
        chosen[:, rows] = corner + np.tril(corner, -1).T
        chosen[:, rows.stop :] = self.sums[rows.stop :, rows].T
        return chosen

    def project(self, basis: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the product of the Gram matrix of whole histories with a few columns."""
        from scipy.linalg.blas import ssymm  # noqa: PLC0415 (slow to import; serving never solves)

        # BLAS stores by columns: the upper half of the transposed view is our lower half.
        product: NDArray[np.float32] = ssymm(1.0, self.sums.T, basis, lower=0)
        return product

    def together(self) -> Matrix:
        """Return the Gram matrix in which whole histories and sessions count half each; only the lower half is set."""
        return _mean_of_halves(self.sums.copy())

    def together_in_place(self) -> Matrix:
        """Return the same matrix in the memory of ``sums``."""
        return _mean_of_halves(self.sums)


def _mean_of_halves(matrix: Matrix) -> Matrix:
    """Set the lower half to the mean of both halves."""
    for rows in slices(len(matrix), BLOCK_ROWS):
        left, corner = matrix[rows, : rows.start], matrix[rows, rows]
        left += matrix[: rows.start, rows].T
        left *= np.float32(0.5)
        corner[...] = (np.tril(corner) + np.triu(corner).T) * np.float32(0.5)
    return matrix


@dataclass(frozen=True, eq=False)
class NextStatistics:
    """Sums of products of preferences before and after cuts, in the order of `CooccurrenceStatistics`."""

    past: Matrix
    """The lower half of the Gram matrix of rows with a user's past before a cut, the latest ratings weighted most."""
    past_future: Matrix
    """The products of those rows with the ratings after the cut."""

    @classmethod
    def gather(cls, source: Source, items: NDArray[np.int64], config: EaseConfig) -> Self:
        """Sum up as `CooccurrenceStatistics` does; of a sample of the users above ``max_next_users``."""
        step = -(-source.summary.n_users // config.max_next_users)
        sampled = source if step == 1 else source.derive(_OneUserIn(step))
        return cls(*sampled.total(_NextKernel(_columns(source, items), items.size, config.max_user_ratings)))


def _columns(source: Source, items: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the column of each item of the catalogue, the most rated first; -1 for those that are not chosen."""
    counts = source.summary.item_counts[items]
    return inverse_index(items[np.argsort(-counts, kind="stable")], source.n_items)


@dataclass(frozen=True, eq=False)
class _OneUserIn:
    """A step that leaves a random sample of the users."""

    step: int

    def __call__(self, block: Interactions) -> Interactions:
        numbers = draws(block.user_ids, np.zeros(block.n_users), seed=0)
        return block.select_users(np.flatnonzero(numbers % np.uint64(self.step) == 0))


@dataclass(frozen=True, eq=False)
class _LatestRatings:
    """The input of both kernels: the latest ratings of the items with a column."""

    columns: NDArray[np.int32]
    n_columns: int
    max_user_ratings: int

    def rows(self, block: Interactions) -> "RatingRows":
        """Return the preferences of a block of users."""
        latest = block.select_ratings(block.ages < self.max_user_ratings)
        return RatingRows.of(latest, self.columns, self.n_columns)


class _CooccurrenceKernel(_LatestRatings):
    def zeros(self) -> Arrays:
        return np.zeros(self.n_columns, np.float32), zero_matrix(self.n_columns)

    def add(self, totals: Arrays, block: Interactions) -> None:
        preferences, sums = totals
        ratings = self.rows(block)
        whole, sessions = in_threads([ratings.whole, ratings.sessions])
        preferences += whole.sum(axis=0)
        add_gram(sums, whole)
        add_gram(sums.T, sessions, with_diagonal=False)


class _NextKernel(_LatestRatings):
    def zeros(self) -> Arrays:
        return tuple(zero_matrix(self.n_columns) for _ in range(2))

    def add(self, totals: Arrays, block: Interactions) -> None:
        past_sums, products = totals
        ratings = self.rows(block)
        for past, future in in_threads([partial(ratings.past_and_future, cut) for cut in CUTS]):
            add_gram(past_sums, past)
            add_product(products, past, future)


def nearest(statistics: CooccurrenceStatistics, n: int) -> tuple[NDArray[np.int32], NDArray[np.float16]]:
    """Return for each item the ``n`` items with the most similar ratings, the most similar first, and similarities.

    The similarity is a correlation of preferences, shrunken for items with few ratings. Items with none have 0.
    """
    size = statistics.order.size
    chosen = np.argsort(statistics.order)
    lengths = np.sqrt(statistics.squares)
    nearest_items = np.empty((size, min(n, size - 1)), np.int32)
    similarities = np.empty(nearest_items.shape, np.float16)

    def find(rows: slice) -> None:
        block = statistics.whole(rows)
        block -= np.outer(statistics.totals[rows], statistics.totals / np.float32(statistics.n_users))
        np.maximum(block, 0, out=block)
        block /= np.outer(lengths[rows], lengths) + np.float32(SIMILARITY_SHRINKAGE)
        block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = -1
        best = _highest(block, nearest_items.shape[1])
        nearest_items[chosen[rows]] = chosen[best]
        similarities[chosen[rows]] = np.take_along_axis(block, best, axis=1)

    in_threads([partial(find, rows) for rows in slices(size, BLOCK_ROWS)])
    return nearest_items, similarities


def _highest(rows: Matrix, n: int) -> NDArray[np.int64]:
    """Return the columns of the ``n`` highest numbers of each row, the highest first; equal ones by column."""
    columns = np.sort(np.argpartition(-rows, n - 1, axis=1)[:, :n], axis=1)
    order = np.argsort(-np.take_along_axis(rows, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


def cooccurrence_weights(gram: Matrix, penalty: float) -> Matrix:
    """Return the weights of EASE in the memory of ``gram``, of which only the lower half is read.

    With ``P = (X'X + penalty I)^-1`` the weights are ``B = I - P diag(P)^-1``. They have a zero diagonal and minimize
    ``|X - X B|^2 + penalty |B|^2``: Steck, Embarrassingly shallow autoencoders for sparse data (WWW 2019).
    """
    precision = invert_regularized(gram, penalty)
    precision /= -np.diag(precision).copy()
    np.fill_diagonal(precision, 0)
    return precision


def next_weights(past: Matrix, past_future: Matrix, penalty: float) -> Matrix:
    """Return the ridge regression of the future on the past, ``(P'P + penalty I)^-1 P'F``; overwrites both matrices."""
    weights = solve_regularized(past, penalty, past_future)
    np.fill_diagonal(weights, 0)
    return weights


def in_order(weights: Matrix, order: NDArray[np.int32]) -> Matrix:
    """Return the weights in the order in which the items were chosen."""
    return weights[np.ix_(order, order)]


@dataclass(frozen=True, eq=False)
class RatingRows:
    """The preferences of some users for the chosen items, in columns of one length."""

    n_columns: int
    columns: NDArray[np.int32]
    users: NDArray[np.int32]
    values: NDArray[np.float32]
    positions: NDArray[np.int32]
    """The number of the user's earlier ratings, of any item."""
    ages: NDArray[np.int32]
    """The number of the user's later ratings."""

    @classmethod
    def of(cls, interactions: Interactions, columns: NDArray[np.int32], n_columns: int) -> Self:
        """Look up the column of each item. Leave out items without one (-1) and preferences of zero."""
        column, values = columns[interactions.items], preference_weight(interactions)
        kept = (column >= 0) & (values != 0)
        ages, positions = interactions.ages[kept].astype(np.int32), interactions.positions[kept].astype(np.int32)
        users = interactions.repeated(np.arange(interactions.n_users, dtype=np.int32))[kept]
        return cls(n_columns, column[kept], users, values[kept], positions, ages)

    def whole(self) -> Rows:
        """Return a row for each user."""
        return self._rows(np.ones(self.users.size, np.bool_), self.values)

    def sessions(self) -> Rows:
        """Return a row for each session."""
        sessions = np.cumsum(
            (np.diff(self.users, prepend=0) != 0) | (np.diff(self.ages // SESSION_RATINGS, prepend=0) != 0)
        )
        shape = int(sessions.max(initial=0)) + 1, self.n_columns
        return csr_array((self.values, (sessions.astype(np.int32), self.columns)), shape=shape)

    def past_and_future(self, cut: float) -> tuple[Rows, Rows]:
        """Return a row for each user of the ratings before a cut, with decay, and one of the fifth after it."""
        counts = self.positions + self.ages + 1
        first, end = np.floor(counts * cut), np.floor(counts * (cut + 0.2) + 1e-9)
        is_past, is_future = self.positions < first, (self.positions >= first) & (self.positions < end)
        ages = np.maximum(first - 1 - self.positions, 0).astype(np.int64)
        decayed = self.values * PAST_DECAY.weights(ages)
        return self._rows(is_past, decayed), self._rows(is_future, self.values)

    def _rows(self, chosen: NDArray[np.bool_], values: NDArray[np.float32]) -> Rows:
        n_users = int(self.users.max(initial=-1)) + 1
        rows, columns = self.users[chosen].astype(np.int32), self.columns[chosen]
        return csr_array((values[chosen], (rows, columns)), shape=(n_users, self.n_columns))
