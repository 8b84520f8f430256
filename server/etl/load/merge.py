"""Ratings into the database in bulk: a batch into a temporary table, then merged from there."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import polars as pl
from sqlalchemy import CursorResult, text
from sqlalchemy.orm import Session

from server.backend.database import driver_connection

COLUMNS = ("user_id", "movie_id", "rating", "rated_at")
ROWS_A_STATEMENT = 500

CREATE = """
CREATE TEMPORARY TABLE staged_ratings
(user_id bigint NOT NULL, movie_id bigint NOT NULL, rating real NOT NULL, rated_at bigint NOT NULL)
"""
# "WHERE true" keeps SQLite from reading ON CONFLICT as the ON of a join.
ADD_USERS = """
INSERT INTO users (user_id) SELECT DISTINCT user_id FROM staged_ratings WHERE true ON CONFLICT DO NOTHING
"""
# The range of users says nothing new; without it PostgreSQL would read all ratings with every batch.
UPDATE_OLDER = """
UPDATE ratings SET rating = staged.rating, rated_at = staged.rated_at
FROM staged_ratings AS staged
WHERE ratings.user_id BETWEEN :first_user AND :last_user
AND ratings.user_id = staged.user_id AND ratings.movie_id = staged.movie_id
AND (staged.rated_at > ratings.rated_at OR (staged.rated_at = ratings.rated_at AND staged.rating <> ratings.rating))
"""
# Not ON CONFLICT DO NOTHING, which draws an id for every row that it then leaves out.
ADD_NEW = """
INSERT INTO ratings (user_id, movie_id, rating, rated_at)
SELECT user_id, movie_id, rating, rated_at FROM staged_ratings AS staged WHERE NOT EXISTS
(
    SELECT 1 FROM ratings WHERE ratings.user_id BETWEEN :first_user AND :last_user
    AND ratings.user_id = staged.user_id AND ratings.movie_id = staged.movie_id
)
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """How many ratings, and users, were written."""

    added: int = 0
    updated: int = 0
    users_added: int = 0

    def __add__(self, other: "Changed") -> "Changed":
        return Changed(self.added + other.added, self.updated + other.updated, self.users_added + other.users_added)


class Staging:
    """The temporary table of one transaction."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._is_postgresql = session.get_bind().dialect.name == "postgresql"
        session.execute(text("DROP TABLE IF EXISTS staged_ratings"))
        session.execute(text(CREATE + "ON COMMIT DROP" if self._is_postgresql else CREATE))

    def merge(self, frame: pl.DataFrame) -> Changed:
        """Insert and update the ratings of a frame, in which a user and movie come once."""
        self._fill(frame.select(COLUMNS))
        users = {"first_user": frame["user_id"].min(), "last_user": frame["user_id"].max()}
        users_added = self._count(ADD_USERS)
        # Updates first: a rating added by this very batch needs no comparing.
        updated = self._count(UPDATE_OLDER, users)
        added = self._count(ADD_NEW, users)
        # PostgreSQL would read deleted rows again with every batch, until the transaction ends.
        self.session.execute(text("TRUNCATE staged_ratings" if self._is_postgresql else "DELETE FROM staged_ratings"))
        return Changed(added, updated, users_added)

    def _fill(self, frame: pl.DataFrame) -> None:
        # Past SQLAlchemy, to what each driver has for bulk: COPY, and executemany over plain tuples.
        driver = driver_connection(self.session)
        if self._is_postgresql:
            with driver.cursor().copy("COPY staged_ratings FROM STDIN (FORMAT csv)") as copy:
                copy.write(frame.write_csv(include_header=False).encode())
        else:
            insert_into_sqlite(driver, "staged_ratings", frame)

    def _count(self, statement: str, values: Mapping[str, Any] | None = None) -> int:
        result = cast("CursorResult[Any]", self.session.execute(text(statement), values))
        return result.rowcount


def insert_into_sqlite(driver: sqlite3.Connection, table: str, frame: pl.DataFrame) -> None:
    """Insert a frame of `COLUMNS`, many rows a statement: three times as fast as one by one."""
    values: list[Any] = [None] * frame.height * len(COLUMNS)
    for position, column in enumerate(COLUMNS):
        # Column by column, not as tuples of which nothing is left.
        values[position :: len(COLUMNS)] = frame[column].to_list()
    step = ROWS_A_STATEMENT * len(COLUMNS)
    whole = len(values) - len(values) % step
    many = (values[start : start + step] for start in range(0, whole, step))
    driver.executemany(_insert_statement(table, ROWS_A_STATEMENT), many)
    if rest := values[whole:]:
        driver.execute(_insert_statement(table, len(rest) // len(COLUMNS)), rest)


def _insert_statement(table: str, rows: int) -> str:
    return f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES {', '.join(['(?, ?, ?, ?)'] * rows)}"  # noqa: S608 (names of ours)
