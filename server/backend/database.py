"""The database: its engine, the settings of connections, and transactions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.engines import create_engine, create_reader, open_reading_session
from server.backend.reader import Reader
from server.backend.replica import FallbackReader, ReadReplica

T = TypeVar("T")

BULK_CACHE_KB = 64_000


class Database:
    """One database: opens sessions, and has a reader beside them. Nothing is connected before the first use."""

    def __init__(self, settings: Settings) -> None:
        self.engine = create_engine(settings)
        self.reader = create_reader(settings, self.engine)
        self.replica = ReadReplica(settings) if settings.database_read_url else None
        self.catalogue_reader: Reader = FallbackReader(self.replica, self.reader) if self.replica else self.reader
        """Reads what may be a second late: from the replica, or from the database itself while that does not answer."""
        # SQLite must know at BEGIN that a transaction will write: a read lock cannot always be raised later.
        self._writing_engine = self.engine.execution_options(writes=True)

    def open_session(self, *, writes: bool) -> Session:
        """Return a session that takes a connection at its first statement; the caller commits and closes it."""
        return Session(self._writing_engine, expire_on_commit=False) if writes else open_reading_session(self.engine)

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[Session]:
        """Run a block in one transaction: committed at its end, rolled back on any error."""
        with Session(self._writing_engine if writes else self.engine, expire_on_commit=False) as session:
            if not self.reader.is_in_process:
                lift_limits(session.connection())
            yield session
            session.commit()

    def read_catalogue(self, call: Callable[[Session], T]) -> T:
        """Run a function that reads the catalogue in one transaction: on the replica if there is one."""

        def read_primary() -> T:
            with self.transaction(writes=False) as session:
                return call(session)

        return read_primary() if self.replica is None else self.replica.read(call, read_primary)

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """Run a block in a reading transaction in which every statement sees the same state of the database."""
        # On SQLite every transaction does.
        options = {} if self.reader.is_in_process else {"isolation_level": "REPEATABLE READ"}
        with Session(self.engine.execution_options(**options), expire_on_commit=False) as session:
            if not self.reader.is_in_process:
                lift_limits(session.connection())
            yield session

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
                if connection.dialect.name == "postgresql":
                    lift_limits(session.connection())
                    _notice_killed_client(session.connection())
                yield session

    def dispose(self) -> None:
        """Close all connections."""
        self.reader.close()
        if self.replica is not None:
            self.replica.dispose()
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


def _prepare_bulk(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        # Both only work outside a transaction.
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute(f"PRAGMA cache_size = {-BULK_CACHE_KB}")


def _notice_killed_client(connection: Connection) -> None:
    """Let PostgreSQL notice a killed client within a long statement, too, where it knows how (from 14 on)."""
    # For this transaction only: behind a pooler the next one of the connection belongs to another client.
    name = "client_connection_check_interval"
    setting = text("SELECT set_config(name, '1s', true) FROM pg_settings WHERE name = :name")
    connection.execute(setting, {"name": name})
