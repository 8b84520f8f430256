"""The database: its engine, the settings of connections, and transactions."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.private_files import create_private_file
from server.backend.reader import PostgreSQLReader, Reader, SQLiteReader

# Handlers run in at most this many threads at a time (AnyIO's default), and these tasks of the app run beside them.
HANDLER_THREADS, PERIODIC_TASKS = 40, 4

# On SQLite everyone who may want a connection finds one: nobody waits for the pool. PostgreSQL's are dearer; there
# threads wait for one, but never the event loop, which uses no session.
POOL_SIZES = {"sqlite": HANDLER_THREADS + PERIODIC_TASKS, "postgresql": 20}

POOL_TIMEOUT_S = 3.0
"""A request waits at most this long for a connection, so that it ends in time even if its statement then hangs."""

BULK_CACHE_KB = 64_000


class Database:
    """One database: opens sessions, and has a reader beside them. Nothing is connected before the first use."""

    def __init__(self, settings: Settings) -> None:
        self.engine = _create_engine(settings)
        self.reader = _create_reader(settings, self.engine)
        # SQLite must know at BEGIN that a transaction will write: a read lock cannot always be raised later.
        self._writing_engine = self.engine.execution_options(writes=True)
        # PostgreSQL shows each statement of a transaction the latest state anyway: for those who only read, its BEGIN
        # and COMMIT are nothing but two more round trips.
        self._reading_engine = (
            self.engine if self.reader.is_in_process else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )

    def open_session(self, *, writes: bool) -> Session:
        """Return a session that takes a connection at its first statement; the caller commits and closes it."""
        return Session(self._writing_engine if writes else self._reading_engine, expire_on_commit=False)

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[Session]:
        """Run a block in one transaction: committed at its end, rolled back on any error."""
        with Session(self._writing_engine if writes else self.engine, expire_on_commit=False) as session:
            if not self.reader.is_in_process:
                lift_limits(session.connection())
            yield session
            session.commit()

    @contextmanager
    def bulk_transaction(self) -> Iterator[Session]:
        """Run a block in one writing transaction, on a connection of its own that is fit for very many rows.

        On SQLite it does not look foreign keys up row by row: the caller vouches for them.
        """
        with self._writing_engine.connect() as connection:
            # Detached from the pool and closed at the end, because no one else must write without foreign keys.
            connection.detach()
            _prepare_bulk(connection)
            with Session(connection) as session, session.begin():
                yield session

    def dispose(self) -> None:
        """Close all connections."""
        self.reader.close()
        self.engine.dispose()


def lift_limits(connection: Connection) -> None:
    """Let the statements of a transaction outside of requests, as of a training or a migration, take any time."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.dbapi_connection
        driver.limit_s = None
        connection.execute(text("SELECT set_config('statement_timeout', '0', true)"))


def driver_connection(session: Session) -> Any:  # noqa: ANN401 (each driver has a class of its own)
    """Return the driver's connection in a session's transaction, for bulk work without SQLAlchemy."""
    return session.connection().connection.dbapi_connection


def _create_reader(settings: Settings, engine: Engine) -> Reader:
    if settings.sqlite_file is not None:
        return SQLiteReader(settings.sqlite_file, timeout_s=settings.database_timeout_s)
    return PostgreSQLReader(engine)


def _create_engine(settings: Settings) -> Engine:
    if settings.sqlite_file is not None:
        settings.sqlite_file.parent.mkdir(parents=True, exist_ok=True)
    url = settings.sqlalchemy_url
    backend = url.get_backend_name()
    engine = create_engine(
        url,
        pool_size=POOL_SIZES[backend],
        max_overflow=0,
        pool_timeout=min(settings.database_timeout_s, POOL_TIMEOUT_S),
        connect_args={"timeout": settings.database_timeout_s}
        if backend == "sqlite"
        else {"application_name": "matinee"},
    )
    if backend == "sqlite":
        event.listen(engine, "do_connect", _create_sqlite_file)
        event.listen(engine, "connect", partial(_prepare_sqlite, is_durable=settings.durable))
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "checkin", _end_sqlite)
    else:
        from server.backend.postgres_connection import listen  # noqa: PLC0415 (imports the driver)

        listen(engine, settings)
    return engine


def _create_sqlite_file(_dialect: object, _record: object, arguments: Sequence[str], _options: object) -> None:
    create_private_file(Path(arguments[0]))


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


def _prepare_bulk(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        # Both only work outside a transaction.
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute(f"PRAGMA cache_size = {-BULK_CACHE_KB}")
        return
    driver.limit_s = None
    driver.execute("SELECT set_config('statement_timeout', '0', false)")
    # A killed client is noticed within a long statement, too, where the server knows how (from 14 on).
    name = "client_connection_check_interval"
    driver.execute("SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = %s", [name])
    driver.commit()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _end_sqlite(connection: sqlite3.Connection | None, _record: object) -> None:
    # SQLite leaves a transaction open whose COMMIT fails, and SQLAlchemy takes it for ended.
    if connection is not None and connection.in_transaction:
        connection.rollback()
