"""Random numbers by key: the same for the same user and seed, in every order in which users are read."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def draws(user_ids: NDArray[Any], positions: NDArray[Any], *, seed: int) -> NDArray[np.uint64]:
    """Return for each rating the number at its position in the random sequence of its user.

    SplitMix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators (OOPSLA 2014).
    """
    starts = _mix(user_ids.astype(np.uint64) * GOLDEN_GAMMA + np.uint64(seed))
    return _mix(starts + (positions.astype(np.uint64) + np.uint64(1)) * GOLDEN_GAMMA)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the output of the generator in each state."""
    mixed = (state ^ (state >> SHIFTS[0])) * FACTORS[0]
    mixed = (mixed ^ (mixed >> SHIFTS[1])) * FACTORS[1]
    return mixed ^ (mixed >> SHIFTS[2])
