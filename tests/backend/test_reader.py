"""Reads past the ORM."""

from functools import partial

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from server.backend.database import Database
from server.models import Genre
from tests.support.tables import for_each
from tests.support.threads import at_once

NAMES = "SELECT genre_name FROM genres WHERE genre_id >= :from_id ORDER BY genre_id"
COUNT = "SELECT count(*) FROM genres"


@pytest.fixture
def genres(database: Database) -> Database:
    with database.transaction(writes=True) as session:
        session.execute(insert(Genre), [{"genre_name": name} for name in ("Action", "Comedy", "Drama")])
    return database


def test_rows_are_read_with_named_parameters(genres: Database) -> None:
    assert genres.reader.read(NAMES, {"from_id": 2}) == [("Comedy",), ("Drama",)]
    assert genres.reader.read(NAMES, {"from_id": 9}) == []


@for_each("ids", [[], [3], [3, 1, 1, 99]])
def test_rows_are_read_by_any_number_of_ids(genres: Database, ids: list[int]) -> None:
    statement = "SELECT genre_id FROM genres WHERE genre_id {in_ids} AND genre_id < :limit ORDER BY genre_id"

    rows = genres.reader.read_by_ids(statement, ids, limit=4)

    assert rows == [(genre_id,) for genre_id in sorted({*ids} & {1, 2, 3})]


def test_a_read_sees_what_was_committed_before_it(genres: Database) -> None:
    with genres.transaction(writes=True) as session:
        session.execute(insert(Genre).values(genre_name="Western"))
        before_the_commit = genres.reader.read(COUNT, {})

    assert (before_the_commit, genres.reader.read(COUNT, {})) == ([(3,)], [(4,)])


def test_nothing_can_be_written_with_the_connections_of_sqlite(sqlite: Database) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        sqlite.reader.read("INSERT INTO genres (genre_name) VALUES ('Drama')", {})


def test_an_error_of_the_driver_is_one_of_sqlalchemy(sqlite: Database) -> None:
    with pytest.raises(OperationalError, match="nowhere"):
        sqlite.reader.read("SELECT 1 FROM nowhere", {})


def test_a_connection_serves_transactions_after_a_read(genres: Database) -> None:
    genres.reader.read(COUNT, {})

    with genres.open_session(writes=True) as session:
        session.execute(insert(Genre).values(genre_name="Western"))

    assert genres.reader.read(COUNT, {}) == [(3,)], "the session was not committed"


def test_threads_share_a_reader(genres: Database) -> None:
    found: list[object] = []

    def read() -> None:
        for _ in range(50):
            found.extend(genres.reader.read(COUNT, {}))

    at_once([partial(read) for _ in range(8)])

    assert found == [(3,)] * 400


def test_a_closed_reader_connects_again(genres: Database) -> None:
    genres.reader.read(COUNT, {})
    genres.reader.close()

    assert genres.reader.read(COUNT, {}) == [(3,)]
