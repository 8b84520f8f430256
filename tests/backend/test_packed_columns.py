from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import insert

from server.backend.database import Database
from server.backend.packed_columns import pack, unpack
from server.models import Movie, Rating, User

LONG_AGO = datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)


def read(database: Database, user_id: int) -> list[list[float]]:
    dialect = database.engine.dialect.name
    statement = pack("SELECT {packed} FROM ratings WHERE user_id = :user_id", dialect, "user_id", "movie_id")
    (row,) = database.reader.read(statement, {"user_id": user_id})
    columns = unpack(dialect, row)
    assert [column.dtype for column in columns] == [np.int64, np.int64, np.float32, np.int64]
    return sorted(map(list, zip(*(column.tolist() for column in columns), strict=True)))


def test_ratings_come_back_as_they_are_kept_even_those_of_before_1970(database: Database) -> None:
    stars = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
    large = 2**53 - 1
    with database.transaction(writes=True) as session:
        session.execute(insert(User), [{"user_id": large}, {"user_id": 2}])
        movies = [
            {"movie_id": large - number, "title": "A", "sort_title": "a", "source_title": "A"}
            for number in range(len(stars))
        ]
        session.execute(insert(Movie), movies)
        session.execute(
            insert(Rating),
            [
                {
                    "user_id": large,
                    "movie_id": large - number,
                    "rating": rating,
                    "rated_at": LONG_AGO + timedelta(seconds=number),
                }
                for number, rating in enumerate(stars)
            ],
        )

    assert read(database, large) == sorted([large, large - n, rating, n - 1] for n, rating in enumerate(stars))


def test_no_ratings_are_empty_columns(database: Database) -> None:
    assert read(database, 1) == []
