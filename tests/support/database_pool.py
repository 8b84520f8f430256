"""Databases of PostgreSQL with the schema. One that a test has used is emptied for the next: a copy costs far more."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier
from sqlalchemy import URL

from tests.support import postgres
from tests.support.waiting import wait_until

# A test may change more than rows: columns, constraints, indexes, functions, triggers, settings, the version.
_SCHEMA = """
    SELECT (SELECT array_agg((relname, relkind, attname, atttypid, attnotnull) ORDER BY relname, attnum)::text
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = 'public'::regnamespace),
           (SELECT array_agg(pg_get_constraintdef(oid) ORDER BY conname)::text
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
           (SELECT array_agg(indexdef ORDER BY indexname)::text FROM pg_indexes WHERE schemaname = 'public'),
           (SELECT array_agg((proname, prosrc) ORDER BY proname)::text
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
           (SELECT array_agg(tgname ORDER BY tgname)::text FROM pg_trigger WHERE NOT tgisinternal),
           (SELECT array_agg(setconfig)::text
            FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
            WHERE datname = current_database()),
           (SELECT array_agg(version_num)::text FROM alembic_version)
"""
_USED_TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0
"""
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_OTHERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class DatabasePool:
    """Empty databases with the schema of a template. Those that a test has altered are not used again."""

    def __init__(self, server: URL, template: str) -> None:
        self._server = server
        self._template = template
        self._idle: list[URL] = []
        self._stack = ExitStack()
        self._schema: object = None

    def __enter__(self) -> "DatabasePool":
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    @contextmanager
    def database(self) -> Iterator[URL]:
        """Yield the URL of an empty database, for one test at a time."""
        url = self._idle.pop() if self._idle else self._create()
        try:
            yield url
        finally:
            if self._empty(url):
                self._idle.append(url)

    def _create(self) -> URL:
        name = f"test_{uuid.uuid4().hex[:12]}"
        url = self._stack.enter_context(postgres.database(self._server, name, template=self._template))
        if self._schema is None:
            with _connect(url) as connection:
                self._schema = connection.execute(_SCHEMA).fetchone()
        return url

    def _empty(self, url: URL) -> bool:
        """Delete all rows, and return whether the database is as a new one then."""
        with suppress(psycopg.Error), _connect(url) as connection:
            connection.execute(_END_OTHERS)
            wait_until(lambda: connection.execute(_OTHERS).fetchone() is None)
            if connection.execute(_SCHEMA).fetchone() != self._schema:
                return False
            used = [Identifier(name) for (name,) in connection.execute(_USED_TABLES)]
            if used:
                connection.execute(SQL("TRUNCATE {} CASCADE").format(SQL(", ").join(used)))
            connection.execute("SELECT setval(seqrelid, seqstart, false) FROM pg_sequence")
            return True
        return False


def _connect(url: URL) -> Connection[TupleRow]:
    driver = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(driver, autocommit=True)
