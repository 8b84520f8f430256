"""Many threads rate the same movie: each has a transaction of its own, as each request of the API has."""

from functools import partial

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.errors import RatingNotFound
from server.models import Rating, User
from server.schemas.ratings import Rating as RatingSchema
from server.schemas.ratings import RatingCreate
from server.services.ratings import RatingService, SavedRating
from tests.support.builders import in_transaction, kept_statistics, recounted_statistics
from tests.support.threads import at_once

THREADS = 8
RATINGS_A_THREAD = 25
THE_POSTMAN = 12


@pytest.fixture
def crowd(catalogue: Database) -> Database:
    """A catalogue with one more user for every rating of every thread."""
    with catalogue.transaction(writes=True) as session:
        users = [{"user_id": 100 + number} for number in range(THREADS * RATINGS_A_THREAD)]
        session.execute(insert(User), users)
    return catalogue


def save(database: Database, user_id: int, half_stars: int) -> SavedRating:
    rating = RatingCreate(user_id=user_id, movie_id=THE_POSTMAN, rating=half_stars / 2)
    return in_transaction(database, lambda session: RatingService(session).save_rating(rating))


def test_no_rating_of_one_movie_by_many_users_is_lost(crowd: Database) -> None:
    def rate(thread: int) -> list[bool]:
        users = range(100 + thread * RATINGS_A_THREAD, 100 + (thread + 1) * RATINGS_A_THREAD)
        return [save(crowd, user_id, 1 + user_id % 10).is_new for user_id in users]

    are_new = at_once([partial(rate, thread) for thread in range(THREADS)])

    assert are_new == [[True] * RATINGS_A_THREAD] * THREADS
    with crowd.transaction(writes=False) as session:
        assert kept_statistics(session)[THE_POSTMAN] == (200, 20 * 27.5)
        assert kept_statistics(session) == recounted_statistics(session)


def test_of_many_ratings_by_one_user_one_remains(crowd: Database) -> None:
    def rate(thread: int) -> list[SavedRating]:
        return [save(crowd, 100, 1 + (thread + number) % 10) for number in range(RATINGS_A_THREAD)]

    saved = [rating for ratings in at_once([partial(rate, thread) for thread in range(THREADS)]) for rating in ratings]

    assert sum(rating.is_new for rating in saved) == 1
    assert len({rating.rating.rating_id for rating in saved}) == 1
    with crowd.transaction(writes=False) as session:
        stars = session.scalars(select(Rating.rating).where(Rating.movie_id == THE_POSTMAN)).all()
        assert kept_statistics(session)[THE_POSTMAN] == (1, sum(stars))


def test_statistics_are_exact_when_ratings_come_and_go_at_once(crowd: Database) -> None:
    def rate_and_take_back(thread: int) -> None:
        for number in range(10):
            rating = save(crowd, 100 + number % 3, 1 + (thread + number) % 10).rating
            in_transaction(crowd, partial(take_back, rating))

    def take_back(rating: RatingSchema, session: Session) -> None:
        try:
            RatingService(session).delete_rating(rating)
        except RatingNotFound:
            return  # Another thread has been faster.

    at_once([partial(rate_and_take_back, thread) for thread in range(THREADS)])

    with crowd.transaction(writes=False) as session:
        assert kept_statistics(session) == recounted_statistics(session)
