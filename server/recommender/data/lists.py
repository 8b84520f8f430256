"""Ranked lists: from scores to lists, and how well a list finds the held-out positive ratings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.splits import Split

SAMPLE_STEP = 10
"""Every tenth score bounds the list from below, in a tenth of the time."""

FEW_SCORES = 24
ENOUGH_OTHERS = 1_000
"""At most the first number of scores are compared one by one, if there are as many times the second to compare with."""


FEW_ITEMS = 100
"""At most this number of scores are sorted as a whole."""

FEW_COMPARISONS = 10_000
"""At most this number of pairs of scores are compared one by one."""


def top_items(scores: NDArray[np.float64], n: int, *, ids: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Return the indices of the ``n`` highest scores, best first; all of them if there are fewer.

    Equal scores are ordered by index, or by ``ids`` if given. The list of 5 is therefore the head of the list of 10.
    The function partitions instead of sorting, because the catalogue is long and the list is short. It partitions only
    the scores that are as high as the ``n`` highest of a sample.
    """
    # NumPy selects slowly from the upper end of an array with many equal values, such as unrated movies' scores.
    costs = -scores
    is_long = scores.size > max(n, FEW_ITEMS)
    candidates = np.flatnonzero(costs <= _nth_lowest(costs, n)) if is_long else np.arange(scores.size)
    ties = candidates if ids is None else ids[candidates]
    return candidates[np.lexsort((ties, costs[candidates]))][:n]


def _nth_lowest(costs: NDArray[np.float64], n: int) -> np.float64:
    """Return the n-th lowest of at least ``n`` costs."""
    bound = np.partition(costs[:: min(SAMPLE_STEP, costs.size // n)], n - 1)[n - 1]
    lowest: np.float64 = np.partition(costs[costs <= bound], n - 1)[n - 1]
    return lowest


def nth_best(scores: NDArray[np.float64], n: int) -> float:
    """Return the ``n``-th highest score, or minus infinity if there are fewer."""
    return -float(_nth_lowest(-scores, n)) if n <= scores.size else -np.inf


def at_least_nth_best(scores: NDArray[np.float64], among: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """Return the indices of the ``n`` highest scores ``among`` the marked ones, and of all scores that are as high."""
    return np.flatnonzero(scores >= nth_best(scores[among], max(n, 1)))


def count_higher(scores: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each score the number of higher ones in ``among``: the rank, 0 for the best."""
    if scores.size * among.size <= FEW_COMPARISONS:
        counts: NDArray[np.int64] = np.count_nonzero(among > scores[:, None], axis=1)
        return counts
    if scores.size <= min(FEW_SCORES, among.size // ENOUGH_OTHERS):
        return np.array([np.count_nonzero(among > score) for score in scores], np.int64)
    # Lists are short: only a few scores are higher.
    order = np.argsort(scores)
    higher = among[among > scores.min(initial=np.inf)]
    # Many are compared with few scores, so those are sorted.
    n_lower = np.bincount(np.searchsorted(scores[order], higher), minlength=scores.size + 1)
    ranks = np.empty(scores.size, np.int64)
    ranks[order] = higher.size - np.cumsum(n_lower[:-1])
    return ranks


@dataclass(frozen=True, eq=False)
class ListQualities:
    """The quality of the list of each user with a held-out positive rating, in columns of one length."""

    users: NDArray[np.int64]
    ndcg_at_10: NDArray[np.float64]
    recall_at_20: NDArray[np.float64]
    hit_at_10: NDArray[np.bool_]


def list_qualities(lists: NDArray[np.int64], split: Split) -> ListQualities:
    """Compare lists, users by up to 20 items, with the held-out positive ratings."""
    n_items = split.known.n_items
    relevant = split.held_out.select_ratings(split.held_out.liked)
    evaluated = np.flatnonzero(relevant.rating_counts)
    counts = relevant.rating_counts[evaluated]
    hits = np.isin(evaluated[:, None] * n_items + lists[evaluated], relevant.users * n_items + relevant.items)
    discounts = 1 / np.log2(np.arange(2, 12))
    gains = hits[:, :10] @ discounts[: lists.shape[1]]
    return ListQualities(
        users=evaluated,
        ndcg_at_10=gains / np.cumsum(discounts)[np.minimum(counts, 10) - 1],
        recall_at_20=hits.sum(axis=1) / np.minimum(counts, 20),
        hit_at_10=np.any(hits[:, :10], axis=1),
    )
