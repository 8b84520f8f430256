"""The database: its engine, what SQLite must be told on each connection, and transactions."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, TextClause, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server.backend.config import Settings

if TYPE_CHECKING:  # SQLAlchemy imports the driver where the database is PostgreSQL
    import psycopg

# On SQLite one connection for each of the 40 threads in which handlers run, and one for the event loop, where
# short ones do; PostgreSQL's connections are dearer.
POOL_SIZES = {"sqlite": 41, "postgresql": 20}

BULK_CACHE_KB = 64_000


Row = tuple[Any, ...]


class TransactionSession(Session):
    """A session of one transaction, on one connection from its first statement to `commit` or `close`.

    What it is asked by `read_rows` is asked past the ORM, and on SQLite past SQLAlchemy: their transactions and rows
    would take most of the time of a request that reads a few rows by their keys. All other statements are in the same
    transaction.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(expire_on_commit=False)
        self.dialect_name = engine.dialect.name
        self.is_in_process = self.dialect_name == "sqlite"
        """Whether the database is in this process, so that a statement is no journey."""
        self._engine = engine
        self._driver: PoolProxiedConnection | None = None
        """The driver's connection, from the first statement on."""
        self._connection: Connection | None = None
        """SQLAlchemy's around it, once that is needed."""

    def get_bind(self, *_arguments: object, **_options: object) -> Connection:
        """Give the connection; the first call takes it from the pool and begins the transaction."""
        if self._connection is None:
            self._connection = Connection(self._engine, self._driver)
            self._driver = self._connection.connection
            self._connection.begin()
        return self._connection

    def read_rows(self, statement: TextClause, parameters: Mapping[str, object]) -> list[Row]:
        """Read all rows as the driver gives them."""
        if self.is_in_process and not self._engine.dispatch.before_cursor_execute:
            return self._read_from_driver(_sqlite_text(statement), parameters)
        with self.get_bind().execute(statement, parameters) as result:
            assert result.cursor is not None  # noqa: S101 (it is there until the result is closed; tells the type checker)
            return list(result.cursor.fetchall())

    def _read_from_driver(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        try:
            if self._driver is None:
                self._driver = self._engine.raw_connection()
                self._sqlite.execute(_begin(self._engine))
            return list(self._sqlite.execute(statement, parameters))
        except sqlite3.Error as error:
            raise _as_sqlalchemy_has_it(statement, error) from error

    @property
    def _sqlite(self) -> Any:  # noqa: ANN401 (SQLAlchemy has one type for the connections of all drivers)
        assert self._driver is not None  # noqa: S101 (for the type checker)
        return self._driver.dbapi_connection

    def commit(self) -> None:
        """Commit, and end the transaction."""
        if self.in_transaction():
            super().commit()
        if self._connection is not None:
            if self._connection.in_transaction():
                self._connection.commit()
        elif self._driver is not None:
            self._commit_driver(self._driver)

    @staticmethod
    def _commit_driver(driver: PoolProxiedConnection) -> None:
        try:
            driver.commit()
        except sqlite3.Error as error:
            raise _as_sqlalchemy_has_it("COMMIT", error) from error

    def close(self) -> None:
        """Give the connection back; what is not committed is rolled back."""
        if self.in_transaction():
            super().close()
        taken = self._connection or self._driver
        if taken is not None:
            taken.close()
            self._connection = self._driver = None


class Database:
    """One database; opens sessions. Nothing is connected before the first session is used."""

    def __init__(self, settings: Settings) -> None:
        self.engine = _create_engine(settings)
        # SQLite must know at BEGIN that a transaction will write: a read lock cannot always be raised later.
        self._writing_engine = self.engine.execution_options(writes=True)
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        # PostgreSQL shows each statement of a transaction the latest state anyway: for those who only read, its BEGIN
        # and COMMIT are nothing but two more journeys there and back.
        self._reading_engine = (
            self.engine if self._is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )

    def open_session(self, *, writes: bool) -> TransactionSession:
        """Give a session that takes a connection at its first statement; the caller commits and closes it."""
        return TransactionSession(self._writing_engine if writes else self._reading_engine)

    @contextmanager
    def transaction(self, *, writes: bool) -> Iterator[TransactionSession]:
        """Run a block in one transaction: committed at its end, rolled back on any error."""
        with TransactionSession(self._writing_engine if writes else self.engine) as session:
            yield session
            session.commit()

    @contextmanager
    def bulk_transaction(self) -> Iterator[Session]:
        """Run a block in one writing transaction, on a connection of its own that is fit for very many rows.

        On SQLite it does not look foreign keys up row by row: the caller vouches for them.
        """
        with self._writing_engine.connect() as connection:
            # Out of the pool and closed in the end: nobody else shall write without foreign keys.
            connection.detach()
            _prepare_bulk(connection)
            with Session(connection) as session, session.begin():
                yield session

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def driver_connection(session: Session) -> Any:  # noqa: ANN401 (each driver has a class of its own)
    """Give the driver's own connection in a session's transaction, for bulk work past SQLAlchemy."""
    return session.connection().connection.dbapi_connection


@lru_cache
def _sqlite_text(statement: TextClause) -> str:
    return str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))


def _as_sqlalchemy_has_it(statement: str, error: sqlite3.Error) -> Exception:
    return DBAPIError.instance(statement, None, error, sqlite3.Error)


def _create_engine(settings: Settings) -> Engine:
    if settings.sqlite_file is not None:
        settings.sqlite_file.parent.mkdir(parents=True, exist_ok=True)
    url = settings.sqlalchemy_url
    backend = url.get_backend_name()
    engine = create_engine(
        url,
        pool_size=POOL_SIZES[backend],
        max_overflow=0,
        pool_timeout=settings.database_timeout_s,
        connect_args=_connect_args(backend, settings.database_timeout_s),
    )
    if backend == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _limit_lock_waits(settings.database_timeout_s))
    return engine


def _connect_args(backend: str, timeout_s: float) -> dict[str, Any]:
    if backend == "sqlite":
        return {"timeout": timeout_s}
    return {
        "connect_timeout": max(2, int(timeout_s)),
        "application_name": "matinee",
    }


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN comes too late and is always deferred; ours is in _begin_sqlite.
    connection.isolation_level = None
    # SQLite ignores foreign keys unless asked, per connection.
    connection.execute("PRAGMA foreign_keys = ON")
    # Readers and one writer at a time without waiting for each other; kept in the file once set. SQLite does not wait
    # for a lock here: where another connection is setting it, or writing before it is set, it is set without us.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode this is safe against a killed process, and spares an fsync at each commit.
    connection.execute("PRAGMA synchronous = NORMAL")


def _prepare_bulk(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        # Both only work outside a transaction.
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute(f"PRAGMA cache_size = {-BULK_CACHE_KB}")
        return
    # A killed client is noticed within a long statement, too, where the server knows how (from 14 on).
    name = "client_connection_check_interval"
    driver.execute("SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = %s", [name])
    driver.commit()


def _limit_lock_waits(timeout_s: float) -> Callable[["psycopg.Connection", object], None]:
    # Not by the connection's `options`, which the URL may use and poolers refuse.
    def prepare(connection: "psycopg.Connection", _record: object) -> None:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(timeout_s * 1000)}ms"])
        connection.commit()

    return prepare


def _begin_sqlite(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    # A session may have begun, past SQLAlchemy, before it had a connection of it.
    if driver.in_transaction:
        return
    try:
        driver.execute(_begin(connection))
    except sqlite3.OperationalError as error:
        raise _as_sqlalchemy_has_it("BEGIN", error) from error


def _begin(of: Connection | Engine) -> str:
    return "BEGIN IMMEDIATE" if of.get_execution_options().get("writes", False) else "BEGIN"
