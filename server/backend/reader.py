"""Hot reads: rows by their keys, straight from the driver, beside the ORM session.

A session's transaction and rows take several times as long as the database takes to find a movie. So the few queries
that most requests consist of go through a reader. Each is a read of its own: a request that writes, or
whose statements must see one moment, uses a session.

It moves the benchmark rows "average", "list of ten" and "recommended movies"; `--without reader` reads through
SQLAlchemy instead.
"""

import re
import sqlite3
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

Row = tuple[Any, ...]
Trace = Callable[[str], AbstractContextManager[None]]


class IdList(NamedTuple):
    """The ids that a column may have: the condition after its name, and the parameters of that."""

    condition: str
    parameters: dict[str, object]


def id_list(dialect: str, ids: Sequence[int]) -> IdList:
    """Return a list of ids for a statement."""
    if dialect == "postgresql":
        return IdList("= ANY(:ids)", {"ids": list(ids)})
    # Not one JSON array, which SQLite takes as long to open as to find ten movies: the benchmark row "list of ten".
    condition, names = _numbered(len(ids))
    return IdList(condition, dict(zip(names, ids, strict=True)))


@lru_cache
def _numbered(number: int) -> tuple[str, list[str]]:
    names = [f"id{place}" for place in range(number)]
    return f"IN ({', '.join(f':{name}' for name in names)})", names


class Reader(ABC):
    """Reads rows. Threads may share it."""

    dialect: str
    """``sqlite`` or ``postgresql``."""
    is_in_process: bool
    """Whether a read is a function call, not a round trip to a server."""
    trace: Trace | None = None
    """The context that each read runs in, if requests are traced."""

    def read(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        """Return all rows of a SELECT whose parameters are written ``:name``.

        Raises SQLAlchemy's `OperationalError` if the database does not answer.
        """
        if self.trace is None:
            return self._read(statement, parameters)
        with self.trace(statement):
            return self._read(statement, parameters)

    def read_by_ids(self, statement: str, ids: Sequence[int], **others: object) -> list[Row]:
        """Return all rows of a SELECT that has ``{in_ids}`` after a column: those with one of these ids."""
        condition, parameters = id_list(self.dialect, ids)
        return self.read(statement.format(in_ids=condition), parameters | others)

    @abstractmethod
    def close(self) -> None:
        """Close the connections that are not in use."""

    @abstractmethod
    def _read(self, statement: str, parameters: Mapping[str, object]) -> list[Row]: ...


class SQLiteReader(Reader):
    """Reads with connections of its own, so that no read waits for a place in the session's pool.

    They cannot write. There are as many as there were reads at the same time.
    """

    dialect = "sqlite"
    is_in_process = True

    def __init__(self, file: Path, *, timeout_s: float) -> None:
        self._file = file
        self._timeout_s = timeout_s
        self._idle: deque[sqlite3.Connection] = deque()

    def close(self) -> None:
        """Close the connections that are not in use."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _read(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            return connection.execute(statement, parameters).fetchall()
        except sqlite3.OperationalError as error:
            raise OperationalError(statement, None, error) from error
        finally:
            self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        try:
            # Any thread may use it, one at a time: it is out of the queue meanwhile. A missing file is not created.
            connection = sqlite3.connect(
                f"{self._file.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=self._timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
            connection.execute("PRAGMA query_only = ON")
        except sqlite3.OperationalError as error:
            raise OperationalError("connect", None, error) from error
        return connection


class PostgreSQLReader(Reader):
    """Reads in one round trip: without BEGIN and COMMIT, on a connection of the engine's pool."""

    dialect = "postgresql"
    is_in_process = False

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Do nothing: the connections are the engine's."""

    def _read(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        unavailable = self._engine.dialect.loaded_dbapi.OperationalError
        try:
            pooled = self._engine.raw_connection()
        except unavailable as error:
            raise OperationalError("connect", None, error) from error
        try:
            return _read_at_once(pooled.driver_connection, statement, parameters)
        except unavailable as error:
            pooled.invalidate(error)
            raise OperationalError(statement, None, error) from error
        finally:
            pooled.close()


def _read_at_once(driver: Any, statement: str, parameters: Mapping[str, object]) -> list[Row]:  # noqa: ANN401 (psycopg's)
    driver.autocommit = True
    try:
        rows: list[Row] = driver.execute(_pyformat(statement), parameters).fetchall()
    finally:
        # The next to take the connection out of the pool expects transactions.
        driver.autocommit = False
    return rows


@lru_cache
def _pyformat(statement: str) -> str:
    """Write parameters as psycopg has them; ``::`` is a cast."""
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", statement)
