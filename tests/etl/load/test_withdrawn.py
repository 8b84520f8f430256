"""Ratings that users deleted do not come back with their source."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from server.backend.database import Database
from server.etl.load.loader import Counts
from server.models import DeletedUser, Rating, User, WithdrawnRating
from server.schemas.ratings import RatingCreate
from server.services.ratings import RatingService
from tests.support.source_files import load_folder, write_source

MOVIES = ("1,Toy Story (1995),Comedy", "2,Heat (1995),Action")
RATINGS = ("1,1,4.0,1000", "1,2,3.5,1001", "7,1,0.5,1002")
WITHDRAWN_AT = datetime.fromtimestamp(5000, UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_source(tmp_path / "source", movies=MOVIES, ratings=RATINGS)


def withdraw(database: Database, user_id: int, movie_id: int) -> None:
    with database.transaction(writes=True) as session:
        session.execute(delete(Rating).where(Rating.user_id == user_id, Rating.movie_id == movie_id))
        session.execute(insert(WithdrawnRating).values(user_id=user_id, movie_id=movie_id, withdrawn_at=WITHDRAWN_AT))


def stored(database: Database) -> list[tuple[int, int, float]]:
    with database.transaction(writes=False) as session:
        rows = session.execute(
            select(Rating.user_id, Rating.movie_id, Rating.rating).order_by(Rating.user_id, Rating.movie_id)
        )
        return [(user_id, movie_id, stars) for user_id, movie_id, stars in rows]


def test_a_rating_deleted_through_the_api_stays_away(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    for stars in (None, 5.0):
        with database.transaction(writes=True) as session:
            ratings = RatingService(session)
            if stars:
                ratings.save_rating(RatingCreate(user_id=1, movie_id=2, rating=stars))
            rating = ratings.ratings.find_by_user_and_movie(1, 2)
            assert rating is not None
            ratings.delete_rating(rating)

        report = load_folder(folder, database)

        assert report.ratings == Counts(read=3, unchanged=3)
        assert stored(database) == [(1, 1, 4.0), (7, 1, 0.5)]


def test_a_withdrawn_rating_stays_away(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    withdraw(database, 1, 2)

    report = load_folder(folder, database)

    assert report.ratings == Counts(read=3, unchanged=3)
    assert stored(database) == [(1, 1, 4.0), (7, 1, 0.5)]


def test_the_ratings_of_the_last_user_stay_away(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    withdraw(database, 7, 1)

    load_folder(write_source(folder, movies=MOVIES, ratings=["7,1,0.5,1002", "8,1,5.0,1002"]), database)

    assert stored(database) == [(1, 1, 4.0), (1, 2, 3.5), (8, 1, 5.0)]


def test_a_rating_after_the_withdrawal_is_loaded(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    withdraw(database, 1, 2)

    load_folder(write_source(folder, movies=MOVIES, ratings=["1,2,5.0,5001", "1,2,1.0,5000"]), database)

    assert stored(database) == [(1, 1, 4.0), (1, 2, 5.0), (7, 1, 0.5)]


def test_a_deleted_user_stays_away_and_the_id_is_not_used_again(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    with database.transaction(writes=True) as session:
        session.execute(delete(Rating).where(Rating.user_id == 7))
        session.execute(delete(User).where(User.user_id == 7))
        session.execute(insert(DeletedUser).values(user_id=7, deleted_at=WITHDRAWN_AT))

    load_folder(write_source(folder, movies=MOVIES, ratings=["2,1,5.0,1", *RATINGS]), database)

    assert stored(database) == [(1, 1, 4.0), (1, 2, 3.5), (2, 1, 5.0)]
    with database.transaction(writes=True) as session:
        assert session.execute(insert(User).returning(User.user_id)).scalar_one() == 8
