"""The engine of a database, and the settings of its connections."""

import sqlite3
import weakref
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from server.backend.config import Settings
from server.backend.private_files import create_private_file
from server.backend.reader import PostgreSQLReader, Reader, SQLiteReader

# Handlers run in at most this many threads at a time (AnyIO's default). Costly reads have threads of their own, and the
# tasks that follow the database run beside them.
HANDLER_THREADS, COSTLY_READS, PERIODIC_TASKS = 40, 4, 4

# On SQLite every thread finds a connection, so none waits for the pool. Connections to PostgreSQL are expensive; there
# threads wait for one, but never the event loop, which uses no session.
POOL_SIZES = {"sqlite": HANDLER_THREADS + COSTLY_READS + PERIODIC_TASKS, "postgresql": 20}

POOL_TIMEOUT_S = 3.0
"""A request waits at most this long for a connection, so that it ends in time even if its statement then hangs."""

_POOL = "pool"


def create_reader(settings: Settings, engine: Engine) -> Reader:
    """Return a reader of the database."""
    if settings.sqlite_file is not None:
        return SQLiteReader(settings.sqlite_file, timeout_s=settings.database_timeout_s)
    return PostgreSQLReader(engine)


def open_reading_session(engine: Engine) -> Session:
    """Return a session for reads that need not see one moment."""
    # PostgreSQL shows each statement of a transaction the latest state anyway: for those who only read, its BEGIN
    # and COMMIT are nothing but two more round trips.
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="AUTOCOMMIT")
    return Session(engine, expire_on_commit=False)


def create_engine(settings: Settings, *, is_replica: bool = False) -> Engine:
    """Return an engine. That of a replica neither creates nor changes a file of SQLite."""
    if settings.sqlite_file is not None and not is_replica:
        settings.sqlite_file.parent.mkdir(parents=True, exist_ok=True)
    url = settings.sqlalchemy_url
    backend = url.get_backend_name()
    engine = sqlalchemy.create_engine(
        url,
        pool_size=POOL_SIZES[backend],
        max_overflow=0,
        pool_timeout=min(settings.database_timeout_s, POOL_TIMEOUT_S),
        connect_args={"timeout": settings.database_timeout_s}
        if backend == "sqlite"
        else {"application_name": "matinee"},
    )
    if backend == "sqlite":
        event.listen(engine, "do_connect", _find_sqlite_file if is_replica else _create_sqlite_file)
        event.listen(
            engine,
            "connect",
            _prepare_sqlite_replica if is_replica else partial(_prepare_sqlite, is_durable=settings.durable),
        )
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "checkin", _end_sqlite)
    else:
        from server.backend.postgres_connection import listen  # noqa: PLC0415 (imports the driver)

        listen(engine, settings)
    event.listen(engine, "connect", partial(_note_pool, engine))
    event.listen(engine, "checkin", partial(_close_after_dispose, engine))
    return engine


def _note_pool(engine: Engine, _connection: object, entry: ConnectionPoolEntry) -> None:
    entry.info[_POOL] = weakref.ref(engine.pool)


def _close_after_dispose(engine: Engine, connection: object, entry: ConnectionPoolEntry) -> None:
    """Close a connection that was in use while its pool was disposed of; SQLAlchemy would leave it open."""
    if connection is not None and entry.info[_POOL]() is not engine.pool:
        entry.close()


def _create_sqlite_file(_dialect: object, _record: object, arguments: Sequence[str], _options: object) -> None:
    create_private_file(Path(arguments[0]))


def _find_sqlite_file(_dialect: object, _record: object, arguments: Sequence[str], _options: object) -> None:
    if not Path(arguments[0]).exists():
        raise sqlite3.OperationalError(f"the file {arguments[0]} does not exist")


def _prepare_sqlite_replica(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object, *, is_durable: bool) -> None:
    # The driver's own BEGIN comes too late and is always deferred; ours is in _begin_sqlite.
    connection.isolation_level = None
    # SQLite ignores foreign keys unless asked, per connection.
    connection.execute("PRAGMA foreign_keys = ON")
    # Readers and one writer at a time without waiting for each other; kept in the file once set. SQLite does not wait
    # for a lock here: where another connection is setting it, or writing before it is set, it is set without us.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode NORMAL is safe against a killed process, but a power cut loses the last commits.
    connection.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _end_sqlite(connection: sqlite3.Connection | None, _record: object) -> None:
    # SQLite leaves a transaction open whose COMMIT fails, and SQLAlchemy takes it for ended.
    if connection is not None and connection.in_transaction:
        connection.rollback()
