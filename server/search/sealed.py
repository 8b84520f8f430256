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
    return b"".join((hashlib.sha256(content.getbuffer()).digest(), content.getbuffer()))


def is_intact(content: bytes) -> bool:
    """Return whether the bytes are as `seal` has returned them."""
    return hashlib.sha256(memoryview(content)[DIGEST_SIZE:]).digest() == content[:DIGEST_SIZE]


def unseal(content: bytes) -> dict[str, Array]:
    """Return the arrays that `seal` has serialized. Raise `ValueError` if the bytes are damaged."""
    if not is_intact(content):
        raise ValueError("The digest does not match the bytes: they are damaged.")
    try:
        with np.load(io.BytesIO(content[DIGEST_SIZE:]), allow_pickle=False) as stored:
            return dict(stored)
    except Exception as error:
        # Malformed archives and array headers raise errors of many types.
        raise ValueError("The bytes are not an archive of arrays.") from error
