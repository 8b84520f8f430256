"""Positions of ids and chosen entries in arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def index_of(
    ascending: NDArray[np.integer[Any]], wanted: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the index of each wanted number and whether it exists; the index is meaningless if not."""
    if not ascending.size:
        return np.zeros(wanted.size, np.int32), np.zeros(wanted.size, np.bool_)
    places = np.minimum(ascending.searchsorted(wanted), ascending.size - 1).astype(np.int32)
    return places, ascending[places] == wanted


def inverse_index(chosen: NDArray[np.int64], n_items: int) -> NDArray[np.int32]:
    """Return the position of each item among the chosen ones, -1 for the others."""
    places = np.full(n_items, -1, np.int32)
    places[chosen] = np.arange(chosen.size)
    return places


def running_count(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the number of chosen entries before each position, and in total: one number more than entries."""
    counts = np.zeros(chosen.size + 1, np.int64)
    np.cumsum(chosen, out=counts[1:])
    return counts
