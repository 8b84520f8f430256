import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.database import Database
from server.models import Genre, MovieGenre
from tests.support.tables import for_each
from tests.support.threads import at_once

COUNT_GENRES = text("SELECT count(*) FROM genres")


@pytest.fixture
def impatient(settings: Settings) -> Iterator[Database]:
    """Return the same database, with a short timeout."""
    database = Database(settings.model_copy(update={"database_timeout_s": 0.05}))
    yield database
    database.dispose()


def count_genres(database: Database) -> int:
    with database.transaction(writes=False) as session:
        return session.scalar(select(func.count()).select_from(Genre)) or 0


def add_genre(session: Session, name: str) -> None:
    session.execute(insert(Genre).values(genre_name=name))


def test_a_transaction_is_committed_at_its_end(database: Database) -> None:
    with database.transaction(writes=True) as session:
        add_genre(session, "Drama")

    assert count_genres(database) == 1


def test_an_error_rolls_a_transaction_back(database: Database) -> None:
    def add_and_fail() -> None:
        with database.transaction(writes=True) as session:
            add_genre(session, "Drama")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()

    assert count_genres(database) == 0


def test_a_connection_in_use_while_the_database_is_closed_is_closed_afterwards(database: Database) -> None:
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        database.dispose()
        connection.execute(COUNT_GENRES)

    with pytest.raises(Exception, match="closed"):
        driver.execute("SELECT 1")


def test_a_session_that_is_not_committed_leaves_nothing(database: Database) -> None:
    with database.open_session(writes=True) as session:
        add_genre(session, "Drama")

    assert count_genres(database) == 0


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError), database.transaction(writes=True) as session:
        session.execute(insert(MovieGenre).values(movie_id=1, genre_id=1))


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    with database.transaction(writes=True) as session:
        add_genre(session, "Drama")
        seen_meanwhile = count_genres(database)

    assert (seen_meanwhile, count_genres(database)) == (0, 1)


def test_a_writer_waits_no_longer_than_set(database: Database, impatient: Database) -> None:
    with database.transaction(writes=True) as session:
        add_genre(session, "Drama")
        with pytest.raises(OperationalError, match="lock"), impatient.transaction(writes=True) as other:
            add_genre(other, "Drama")


def test_nothing_is_connected_before_the_first_statement(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "matinee.db"
    database = Database(Settings(_env_file=None, database_url=f"sqlite:///{path}"))

    with database.open_session(writes=True) as session:
        existed_before = path.exists()
        session.execute(select(1))

    database.dispose()
    assert (existed_before, path.exists()) == (False, True)


def test_every_connection_of_sqlite_is_configured(sqlite: Database) -> None:
    pragmas = ("foreign_keys", "journal_mode", "synchronous", "busy_timeout")

    with sqlite.transaction(writes=False) as first, sqlite.transaction(writes=False) as second:
        values = [[session.scalar(text(f"PRAGMA {pragma}")) for pragma in pragmas] for session in (first, second)]

    assert values == [[1, "wal", 2, 50]] * 2


@for_each(("durable", "level"), [(True, 2), (False, 1)])
def test_durability_on_sqlite_is_a_setting(tmp_path: Path, level: int, *, durable: bool) -> None:
    url = f"sqlite:///{tmp_path}/matinee.db"
    database = Database(Settings(_env_file=None, database_url=url, durable=durable))

    with database.open_session(writes=False) as session:
        found = session.scalar(text("PRAGMA synchronous"))

    database.dispose()
    assert found == level


def test_a_writing_transaction_on_sqlite_keeps_other_writers_out_from_its_beginning(sqlite: Database) -> None:
    with sqlite.transaction(writes=True) as session:
        session.execute(select(1))
        with pytest.raises(OperationalError, match="database is locked"), sqlite.transaction(writes=True) as other:
            other.execute(select(1))


def test_a_session_reads_one_moment(sqlite: Database) -> None:
    with sqlite.transaction(writes=False) as session:
        before = session.scalar(COUNT_GENRES)
        with sqlite.transaction(writes=True) as other:
            add_genre(other, "Drama")
        afterwards = session.scalar(COUNT_GENRES)

    assert (before, afterwards, count_genres(sqlite)) == (0, 0, 1)


def test_a_commit_that_the_database_refuses_is_an_error(sqlite: Database) -> None:
    with sqlite.open_session(writes=True) as session:
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
        session.execute(insert(MovieGenre).values(movie_id=1, genre_id=1))
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            session.commit()

    with sqlite.transaction(writes=False) as other:
        assert other.scalar(select(func.count()).select_from(MovieGenre)) == 0


def test_a_transaction_that_reads_before_it_writes_does_not_fail(database: Database) -> None:
    def add_genres(thread: int) -> None:
        for number in range(5):
            with database.transaction(writes=True) as session:
                session.execute(select(func.count()).select_from(Genre))
                add_genre(session, f"Genre {number} of {thread}")

    at_once([partial(add_genres, thread) for thread in range(8)])

    assert count_genres(database) == 40


def test_a_new_database_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    database = Database(Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/new.db"))

    with database.transaction(writes=True) as session:
        session.execute(text("CREATE TABLE t (a)"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    database.dispose()
    assert modes["new.db"] == 0o600
    assert set(modes.values()) == {0o600}
