"""Checks of arrays that come from a file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_array(
    array: NDArray[Any], shape: tuple[int, ...], *, lowest: float = -np.inf, highest: float = np.inf
) -> None:
    """Raise `ValueError` if an array has another shape, or a value that is not finite or not within the bounds."""
    if array.shape != shape:
        raise ValueError(f"an array has the shape {array.shape}, not {shape}")
    if array.size and not (np.isfinite(array).all() and lowest <= array.min() and array.max() <= highest):
        raise ValueError(f"an array has values outside of {lowest:g} to {highest:g}")


def check_ascending(array: NDArray[Any]) -> None:
    """Raise `ValueError` if the values do not strictly ascend along the last axis."""
    if (array[..., 1:] <= array[..., :-1]).any():
        raise ValueError("an array does not ascend")


def check_dtype(array: NDArray[Any], dtype: type[np.generic]) -> None:
    """Raise `ValueError` if an array has another kind of values."""
    if not np.issubdtype(array.dtype, dtype):
        raise ValueError(f"an array has values of {array.dtype}, not of {np.dtype(dtype)}")
