from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from server.backend.config import Settings
from server.backend.database import Database, TransactionSession
from server.models import Genre, MovieGenre
from tests.support.threads import at_once

COUNT_GENRES = text("SELECT count(*) FROM genres")


@pytest.fixture
def impatient(settings: Settings) -> Iterator[Database]:
    """Give the same database to one who does not wait long."""
    database = Database(settings.model_copy(update={"database_timeout_s": 0.05}))
    yield database
    database.dispose()


def count_genres(database: Database) -> int:
    with database.transaction(writes=False) as session:
        return session.scalar(select(func.count()).select_from(Genre)) or 0


def add_genre(session: TransactionSession, name: str) -> None:
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


def test_a_session_that_is_not_committed_leaves_nothing(database: Database) -> None:
    with database.open_session(writes=True) as session:
        add_genre(session, "Drama")

    assert count_genres(database) == 0


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError), database.transaction(writes=True) as session:
        session.execute(insert(MovieGenre).values(movie_id=1, genre_id=1))


def test_who_reads_does_not_wait_for_who_writes(database: Database) -> None:
    with database.transaction(writes=True) as session:
        add_genre(session, "Drama")
        seen_meanwhile = count_genres(database)

    assert (seen_meanwhile, count_genres(database)) == (0, 1)


def test_who_writes_waits_no_longer_than_set(database: Database, impatient: Database) -> None:
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


def test_sqlite_is_told_what_it_must_know_on_every_connection(sqlite: Database) -> None:
    pragmas = ("foreign_keys", "journal_mode", "synchronous", "busy_timeout")

    with sqlite.transaction(writes=False) as first, sqlite.transaction(writes=False) as second:
        values = [[session.scalar(text(f"PRAGMA {pragma}")) for pragma in pragmas] for session in (first, second)]

    assert values == [[1, "wal", 1, 50]] * 2


def test_a_writing_transaction_on_sqlite_keeps_other_writers_out_from_its_beginning(sqlite: Database) -> None:
    with sqlite.transaction(writes=True) as session:
        session.execute(select(1))
        with pytest.raises(OperationalError, match="database is locked"), sqlite.transaction(writes=True) as other:
            other.execute(select(1))


def test_what_is_read_past_the_orm_is_of_the_same_moment_as_the_rest(sqlite: Database) -> None:
    with sqlite.open_session(writes=False) as session:
        before = session.read_rows(COUNT_GENRES, {})
        with sqlite.transaction(writes=True) as other:
            add_genre(other, "Drama")
        afterwards = session.scalar(select(func.count()).select_from(Genre)), session.read_rows(COUNT_GENRES, {})

    assert (before, afterwards, count_genres(sqlite)) == ([(0,)], (0, [(0,)]), 1)


def test_who_reads_past_the_orm_before_writing_keeps_other_writers_out(sqlite: Database) -> None:
    with sqlite.open_session(writes=True) as session:
        session.read_rows(COUNT_GENRES, {})
        with pytest.raises(OperationalError, match="database is locked"), sqlite.transaction(writes=True) as other:
            add_genre(other, "Drama")
        add_genre(session, "Comedy")
        session.commit()

    assert count_genres(sqlite) == 1


def test_a_connection_that_was_only_read_from_past_the_orm_comes_back_without_a_transaction(sqlite: Database) -> None:
    for ends in (TransactionSession.commit, TransactionSession.close):
        with sqlite.open_session(writes=True) as session:
            session.read_rows(COUNT_GENRES, {})
            ends(session)
            with sqlite.transaction(writes=True) as other:
                add_genre(other, f"After {ends.__name__}")

    assert count_genres(sqlite) == 2


def test_what_the_driver_refuses_is_an_error_of_sqlalchemy(database: Database) -> None:
    with database.open_session(writes=False) as session, pytest.raises(DBAPIError, match="nowhere"):
        session.read_rows(text("SELECT 1 FROM nowhere"), {})


def test_a_commit_that_the_driver_refuses_is_one_too(sqlite: Database) -> None:
    with sqlite.open_session(writes=True) as session:
        session.read_rows(text("PRAGMA defer_foreign_keys = ON"), {})
        session.read_rows(text("INSERT INTO movie_genres (movie_id, genre_id) VALUES (1, 1)"), {})
        with pytest.raises(IntegrityError, match="FOREIGN KEY"):
            session.commit()

    with sqlite.transaction(writes=False) as other:
        assert other.scalar(select(func.count()).select_from(MovieGenre)) == 0


def test_who_reads_first_and_writes_then_does_not_fail(database: Database) -> None:
    def add_genres(thread: int) -> None:
        for number in range(5):
            with database.transaction(writes=True) as session:
                session.execute(select(func.count()).select_from(Genre))
                add_genre(session, f"Genre {number} of {thread}")

    at_once([partial(add_genres, thread) for thread in range(8)])

    assert count_genres(database) == 40
