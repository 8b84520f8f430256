"""Arrays as bytes with a digest, so that any damage is detected before the arrays are read."""

import hashlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGEST_SIZE = hashlib.sha256().digest_size

Array = NDArray[Any]


def seal(arrays: Mapping[str, Array]) -> bytes:
    """Serialize arrays by name."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return hashlib.sha256(content.getbuffer()).digest() + content.getvalue()


def unseal(content: bytes) -> dict[str, Array]:
    """Return the arrays that `seal` has serialized. Raise `ValueError` if the bytes are damaged."""
    digest, arrays = content[:DIGEST_SIZE], content[DIGEST_SIZE:]
    if hashlib.sha256(arrays).digest() != digest:
        raise ValueError("The digest does not match the bytes: they are damaged.")
    try:
        with np.load(io.BytesIO(arrays), allow_pickle=False) as stored:
            return dict(stored)
    except Exception as error:
        # Malformed archives and array headers raise errors of many types.
        raise ValueError("The bytes are not an archive of arrays.") from error
