"""Bulk inserts of the ratings of new users, which need no comparison with stored ratings."""

from abc import ABC, abstractmethod
from typing import ClassVar

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.backend.database import driver_connection
from server.etl.load.merge import COLUMNS, insert_into_sqlite
from server.models import MovieStatistics, Rating

COPY = f"COPY loaded_ratings ({', '.join(COLUMNS)}) FROM STDIN (FORMAT csv, FREEZE)"
UNTOUCHED = """
SELECT relacl IS NULL AND NOT EXISTS (SELECT FROM ratings) FROM pg_class WHERE oid = 'ratings'::regclass
"""
KEYS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'ratings'::regclass AND contype IN ('p', 'u', 'f')
"""

STATISTICS = {
    "rating_count": "bigint",
    "rating_sum": "double precision",
    **{column.key: "bigint" for column in MovieStatistics.histogram()},
}
"""The columns that follow the ratings of a movie, with their types in PostgreSQL."""


class Appender(ABC):
    """Appends ratings in a transaction. Users arrive in ascending order, each with all their ratings in one frame."""

    add_users: ClassVar[str]
    add_statistics: ClassVar[str]

    def __init__(self, session: Session) -> None:
        self._driver = driver_connection(session)
        self.last_user: int = session.scalar(select(func.max(Rating.user_id))) or 0
        """The highest id of a user with ratings. Only users after it can be appended."""

    def add(self, frame: pl.DataFrame) -> int:
        """Insert ratings, sorted by user and movie, with their users. Return the number of new users."""
        user_ids = frame["user_id"].unique(maintain_order=True)
        self.last_user = int(user_ids[-1])
        users_added = self._execute(self.add_users, user_ids.to_frame())
        self._insert(frame.select(COLUMNS))
        return users_added

    def add_to_statistics(self, movies: pl.DataFrame) -> None:
        """Add all other columns of a frame to those of the statistics of each ``movie_id``."""
        self._execute(self.add_statistics, movies.select(*STATISTICS, "movie_id"))

    @abstractmethod
    def close(self) -> None:
        """Make the appended ratings visible to the rest of the transaction. Nothing can be appended afterwards."""

    @abstractmethod
    def _insert(self, frame: pl.DataFrame) -> None:
        """Insert ratings."""

    @abstractmethod
    def _execute(self, statement: str, frame: pl.DataFrame) -> int:
        """Execute a statement for all rows of a frame and return the number of changed rows."""


class SqliteAppender(Appender):
    """Inserts at the end of the table and of its index, with many rows in a statement."""

    add_users = "INSERT INTO users (user_id) VALUES (?) ON CONFLICT DO NOTHING"
    add_statistics = f"""
    UPDATE movie_statistics SET {", ".join(f"{name} = {name} + ?" for name in STATISTICS)} WHERE movie_id = ?
    """  # noqa: S608 (constant names)

    def close(self) -> None:
        """Do nothing: SQLite inserts into the table itself."""

    def _insert(self, frame: pl.DataFrame) -> None:
        insert_into_sqlite(self._driver, "ratings", frame)

    def _execute(self, statement: str, frame: pl.DataFrame) -> int:
        changed: int = self._driver.executemany(statement, frame.iter_rows()).rowcount
        return changed


class PostgresAppender(Appender):
    """Copies into a new table without keys, builds the keys at the end, and replaces the empty table.

    Readers use the empty table until then. Building the keys first would take seven times as long.
    """

    add_users = "INSERT INTO users (user_id) SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING"
    add_statistics = f"""
    UPDATE movie_statistics AS old
    SET {", ".join(f"{name} = old.{name} + more.{name}" for name in STATISTICS)}
    FROM unnest({", ".join(f"%s::{kind}[]" for kind in STATISTICS.values())}, %s::bigint[])
        AS more ({", ".join(STATISTICS)}, movie_id)
    WHERE old.movie_id = more.movie_id
    """  # noqa: S608 (constant names)

    @staticmethod
    def is_possible(session: Session) -> bool:
        """Return whether the table is empty and has no granted privileges, which a new table would lose."""
        untouched: bool = driver_connection(session).execute(UNTOUCHED).fetchone()[0]
        return untouched

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._driver.execute("CREATE TABLE loaded_ratings (LIKE ratings INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")

    def close(self) -> None:
        """Build the keys and replace the table."""
        keys = self._driver.execute(KEYS).fetchall()
        # Primary and unique keys are indexes. Their names must differ from those of the old table until it is dropped.
        self._alter("loaded_ratings", ", ".join(f'ADD CONSTRAINT "loaded_{name}" {key}' for name, key in keys))
        self._driver.execute("ANALYZE loaded_ratings")
        # In the order in which requests lock these tables, which avoids deadlocks.
        self._driver.execute("LOCK TABLE users, ratings, movies IN ACCESS EXCLUSIVE MODE")
        self._driver.execute("ALTER SEQUENCE ratings_rating_id_seq OWNED BY loaded_ratings.rating_id")
        self._driver.execute("DROP TABLE ratings")
        self._alter("loaded_ratings", "RENAME TO ratings")
        for name, _ in keys:
            self._alter("ratings", f'RENAME CONSTRAINT "loaded_{name}" TO "{name}"')

    def _alter(self, table: str, change: str) -> None:
        self._driver.execute(f"ALTER TABLE {table} {change}")

    def _insert(self, frame: pl.DataFrame) -> None:
        # FREEZE spares readers the check of each row's visibility, and the write that records it.
        with self._driver.cursor().copy(COPY) as copy:
            copy.write(frame.write_csv(include_header=False).encode())

    def _execute(self, statement: str, frame: pl.DataFrame) -> int:
        changed: int = self._driver.execute(statement, [column.to_list() for column in frame]).rowcount
        return changed
