"""Ratings in columns that the database packs.

Drivers return rows one by one, which takes Python longer than it takes the database to read them. So the database packs
the columns of many rows into one row. PostgreSQL packs numbers into bytes. SQLite writes them as text, as fast as NumPy
parses it; there a rating and its time are one number, because fractions are slow to write.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = Sequence[Any]
"""Packed columns as a driver returns them: strings or bytes, or None without ratings."""

STARS_WITH_TIME = "rated_at * 16 + CAST(rating * 2 AS INTEGER)"


def pack(statement: str, dialect: str, *ids: str) -> str:
    """Return a statement with the packed columns for ``{packed}``: the ids named, stars and times."""
    if dialect == "sqlite":
        return statement.format(packed=", ".join(f"group_concat({column})" for column in (*ids, STARS_WITH_TIME)))
    sent = [*(f"int8send({column})" for column in (*ids, "rated_at")), "float4send(rating)"]
    return statement.format(packed=", ".join(f"string_agg({column}, ''::bytea)" for column in sent))


def unpack(dialect: str, row: Packed) -> tuple[NDArray[Any], ...]:
    """Return the selected columns: the ids, stars (``float32``) and times (seconds since 1970), of equal length."""
    if dialect == "sqlite":
        *ids, moments = (np.fromstring(numbers or "", np.int64, sep=",") for numbers in row)
        return *ids, ((moments & 15) / 2).astype(np.float32), moments >> 4
    *numbers, stars = (column or b"" for column in row)
    *ids, moments = (np.frombuffer(column, ">i8").astype(np.int64) for column in numbers)
    return *ids, np.frombuffer(stars, ">f4").astype(np.float32), moments


def pack_integers(statement: str, dialect: str, *columns: str) -> str:
    """Return a statement with packed columns of whole numbers for ``{packed}``."""
    form = "group_concat({})" if dialect == "sqlite" else "string_agg(int8send({}), ''::bytea)"
    return statement.format(packed=", ".join(form.format(column) for column in columns))


def unpack_integers(dialect: str, row: Packed) -> tuple[NDArray[np.int64], ...]:
    """Return the columns that `pack_integers` has selected, of equal length."""
    if dialect == "sqlite":
        return tuple(np.fromstring(numbers or "", np.int64, sep=",") for numbers in row)
    return tuple(np.frombuffer(column or b"", ">i8").astype(np.int64) for column in row)
