"""Ratings in columns, as the database packs them.

Drivers hand over rows one by one, which costs Python more than reading them costs the database. So the database packs
the columns of many rows into one. PostgreSQL makes bytes of numbers. SQLite has nothing for that, but writes them as
text as fast as NumPy reads them; there a rating is one number with its time, for fractions are slow to write.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = Sequence[Any]
"""What a driver makes of packed columns: strings or bytes, or None where there was no rating."""

STARS_WITH_TIME = "rated_at * 16 + CAST(rating * 2 AS INTEGER)"


def pack(statement: str, dialect: str, *ids: str) -> str:
    """Write what to select of the ratings in the place of ``{packed}``: columns of ids, by name, stars and times."""
    if dialect == "sqlite":
        return statement.format(packed=", ".join(f"group_concat({column})" for column in (*ids, STARS_WITH_TIME)))
    sent = [*(f"int8send({column})" for column in (*ids, "rated_at")), "float4send(rating)"]
    return statement.format(packed=", ".join(f"string_agg({column}, ''::bytea)" for column in sent))


def unpack(dialect: str, row: Packed) -> tuple[NDArray[Any], ...]:
    """Read what was selected: the ids, then stars (``float32``) and times (seconds since 1970), all of one length."""
    if dialect == "sqlite":
        *ids, moments = (np.fromstring(numbers or "", np.int64, sep=",") for numbers in row)
        return *ids, ((moments & 15) / 2).astype(np.float32), moments >> 4
    *numbers, stars = (column or b"" for column in row)
    *ids, moments = (np.frombuffer(column, ">i8").astype(np.int64) for column in numbers)
    return *ids, np.frombuffer(stars, ">f4").astype(np.float32), moments
