"""A PostgreSQL server that does not answer."""

import os
import signal
from collections.abc import Iterator

import pytest
from sqlalchemy import URL, select, text
from sqlalchemy.exc import OperationalError

from server.backend.config import Settings
from server.backend.database import Database
from tests.support import postgres
from tests.support.tables import for_each

TIMEOUT_S = 0.5


@pytest.fixture
def database(postgres_server: URL) -> Iterator[Database]:
    """Return an empty database with a short timeout."""
    with postgres.database(postgres_server, "impatient") as url:
        address = url.render_as_string(hide_password=False)
        database = Database(Settings(_env_file=None, database_url=address, database_timeout_s=TIMEOUT_S))
        yield database
        database.dispose()


def test_a_long_statement_of_a_request_is_ended_by_the_server(database: Database) -> None:
    with database.open_session(writes=False) as session, pytest.raises(OperationalError, match="statement timeout"):
        session.execute(text("SELECT pg_sleep(30)"))


def test_a_long_statement_of_the_reader_is_ended_by_the_server(database: Database) -> None:
    with pytest.raises(OperationalError, match="statement timeout"):
        database.reader.read("SELECT pg_sleep(30)", {})

    assert database.reader.read("SELECT 1", {}) == [(1,)]


def test_a_transaction_outside_of_requests_may_take_longer(database: Database) -> None:
    with database.transaction(writes=True) as session:
        assert session.scalar(text("SELECT 1 FROM pg_sleep(0.8)")) == 1

    # The limits hold again for the next that takes the connection.
    with database.open_session(writes=False) as session, pytest.raises(OperationalError, match="statement timeout"):
        session.execute(text("SELECT pg_sleep(30)"))


def test_a_server_process_that_hangs_does_not_hang_a_request(database: Database) -> None:
    with database.open_session(writes=False) as session:
        process_id = session.scalar(text("SELECT pg_backend_pid()"))
        assert process_id is not None
        os.kill(process_id, signal.SIGSTOP)
        try:
            with pytest.raises(OperationalError, match="no answer within"):
                session.execute(select(1))
        finally:
            os.kill(process_id, signal.SIGCONT)

    with database.open_session(writes=False) as session:
        assert session.scalar(select(1)) == 1


def test_nothing_is_prepared_for_poolers_in_transaction_mode(database: Database) -> None:
    with database.open_session(writes=True) as session:
        for _ in range(10):
            session.execute(text("SELECT count(*) FROM pg_class"))
        prepared = session.scalar(text("SELECT count(*) FROM pg_prepared_statements"))

    assert prepared == 0


@for_each(("durable", "setting"), [(True, "on"), (False, "off")])
def test_durability_is_a_setting(postgres_server: URL, setting: str, *, durable: bool) -> None:
    with postgres.database(postgres_server, "durable") as url:
        address = url.render_as_string(hide_password=False)
        database = Database(Settings(_env_file=None, database_url=address, durable=durable))
        with database.open_session(writes=True) as session:
            found = session.scalar(text("SHOW synchronous_commit"))
        database.dispose()

    assert found == setting
