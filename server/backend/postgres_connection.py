"""Connections to PostgreSQL that do not wait forever for an answer."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow
from sqlalchemy import Engine, event

from server.backend.config import Settings

T = TypeVar("T")

GRACE_S = 2.0
"""The server ends a statement by itself; wait this much longer for it to say so."""

# A host that disappears without a packet is noticed within this time, also between two statements.
KEEPALIVE_S = 5


class ImpatientConnection(psycopg.Connection[TupleRow]):
    """A connection whose statements fail if the server does not answer.

    A server that is stopped still acknowledges packets, so neither its own timeouts nor those of TCP help.
    """

    limit_s: float | None = None
    """How long a statement may take, or None for any time, as in an ingestion."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Run an operation on the connection. Raises `psycopg.OperationalError` and closes it after the limit."""
        if self.limit_s is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(_limited(gen, time.monotonic() + self.limit_s), interval, timeout)
        except TimeoutError:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {self.limit_s:.0f} s") from None

    @classmethod
    def open(cls, *arguments: Any, timeout_s: float, **options: Any) -> Self:  # noqa: ANN401 (psycopg's)
        """Connect, with a limit for statements and for waits."""
        connection = cls.connect(
            *arguments,
            **{
                "connect_timeout": max(2, int(timeout_s)),
                "keepalives_idle": KEEPALIVE_S,
                "keepalives_interval": KEEPALIVE_S,
                "keepalives_count": 2,
                "tcp_user_timeout": int(timeout_s * 1000),
                # A pooler in transaction mode gives each transaction another server process, which has not prepared
                # the statement.
                "prepare_threshold": None,
                **options,
            },
        )
        connection.limit_s = timeout_s + GRACE_S
        return connection


def _limited(gen: PQGen[T], deadline: float) -> PQGen[T]:
    """Pass an operation on, until it has to wait past the deadline."""
    try:
        state = next(gen)
        while True:
            ready = yield state
            if not ready and time.monotonic() >= deadline:
                raise TimeoutError
            state = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result


def listen(engine: Engine, settings: Settings) -> None:
    """Let an engine use such connections."""
    event.listen(engine, "do_connect", partial(_connect, settings.database_timeout_s))
    event.listen(engine, "connect", partial(_prepare, settings))
    event.listen(engine, "checkin", partial(_restore_limit, settings.database_timeout_s))


def _connect(
    timeout_s: float, _dialect: object, _record: object, arguments: Sequence[Any], options: Mapping[str, Any]
) -> ImpatientConnection:
    return ImpatientConnection.open(*arguments, timeout_s=timeout_s, **options)


def _prepare(settings: Settings, connection: ImpatientConnection, _record: object) -> None:
    limit = f"{int(settings.database_timeout_s * 1000)}ms"
    values = {"lock_timeout": limit, "statement_timeout": limit}
    if not settings.durable:
        values["synchronous_commit"] = "off"
    # Not by the connection's `options`, which the URL may use and poolers refuse.
    for name, value in values.items():
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    connection.commit()


def _restore_limit(timeout_s: float, connection: ImpatientConnection | None, _record: object) -> None:
    if connection is not None:
        connection.limit_s = timeout_s + GRACE_S
