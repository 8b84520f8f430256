"""From scores to lists and places in them."""

import numpy as np
from numpy.typing import NDArray


def top_items(scores: NDArray[np.float64], n: int, *, ids: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Return the indices of the ``n`` highest scores, best first; all of them if there are fewer.

    Of equal scores the smaller index comes first, or the smaller of the ``ids`` where given, at the end of the list
    too, so that the list of 5 is the head of the list of 10. Partitions and does not sort, as the catalogue is long
    and the list is short.
    """
    # The many equal scores of unrated movies make NumPy slow to select from the upper end, not from the lower.
    costs = -scores
    if n < scores.size:
        candidates = np.flatnonzero(costs <= np.partition(costs, n - 1)[n - 1])
    else:
        candidates = np.arange(scores.size)
    ties = candidates if ids is None else ids[candidates]
    return candidates[np.lexsort((ties, costs[candidates]))][:n]


def count_higher(scores: NDArray[np.float64], among: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count for each score how many of ``among`` are higher: 0 for the best."""
    return among.size - np.searchsorted(np.sort(among), scores, side="right")
