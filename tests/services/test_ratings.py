import random
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.errors import MovieNotFound, RatingNotFound, UserNotFound
from server.models import Rating as RatingRow
from server.models import User
from server.schemas.ratings import Rating, RatingCreate
from server.services.ratings import HistoryDataManager, RatingService, SavedRating
from tests.support.builders import kept_histograms, kept_statistics, recounted_histograms, recounted_statistics
from tests.support.readers import SessionReader
from tests.support.tables import for_each_in

LONG_AGO = datetime.fromtimestamp(1000000000, UTC)
THE_POSTMAN = 12
UNKNOWN = 999
WRONG_VALUES: list[tuple[dict[str, float | None], str]] = [
    ({"rating": 0.7}, "ck_ratings_rating_half_step"),
    ({"rating": 4.75}, "ck_ratings_rating_half_step"),
    ({"rating": 5.5}, "ck_ratings_rating_range"),
    ({"rating": 0.0}, "ck_ratings_rating_range"),
    ({"rating": -1.0}, "ck_ratings_rating_range"),
    # SQLite has no such number and makes it null.
    ({"rating": float("nan")}, "ck_ratings_rating_range|NOT NULL constraint failed: ratings.rating"),
    ({"rating": None}, "(?i)not.null"),
    ({"movie_id": 1}, "uq_ratings_user_id_movie_id|UNIQUE constraint failed: ratings.user_id, ratings.movie_id"),
    ({"movie_id": UNKNOWN}, "fk_ratings_movie_id_movies|FOREIGN KEY constraint failed"),
    ({"user_id": UNKNOWN}, "fk_ratings_user_id_users|FOREIGN KEY constraint failed"),
]


@pytest.fixture
def services(catalogues: dict[str, Database], sessions: dict[str, Session]) -> dict[str, tuple[RatingService, Session]]:
    """Return the service of the ratings of the twelve films on each kind of database."""
    return {kind: (RatingService(sessions[kind]), sessions[kind]) for kind in catalogues}


on_each_database = for_each_in("services", "ratings, session")


def statistics_of(session: Session, movie_id: int) -> tuple[int, float]:
    return kept_statistics(session).get(movie_id, (0, 0.0))


@on_each_database
def test_a_first_rating_is_new_and_of_this_moment(ratings: RatingService) -> None:
    before = datetime.now(UTC).replace(microsecond=0)

    saved = ratings.save_rating(RatingCreate(user_id=1, movie_id=THE_POSTMAN, rating=2.5))

    assert saved == SavedRating(
        Rating(
            rating_id=saved.rating.rating_id,
            user_id=1,
            movie_id=THE_POSTMAN,
            rating=2.5,
            timestamp=saved.rating.timestamp,
        ),
        is_new=True,
    )
    assert before <= saved.rating.timestamp <= datetime.now(UTC)
    assert ratings.get_rating(saved.rating.rating_id) == saved.rating
    assert statistics_of(ratings.session, THE_POSTMAN) == (1, 2.5)


@on_each_database
def test_rating_again_replaces_value_and_time_and_keeps_the_id(ratings: RatingService) -> None:
    first = ratings.get_rating(1)

    saved = ratings.save_rating(RatingCreate(user_id=1, movie_id=1, rating=0.5))

    assert first == Rating(rating_id=1, user_id=1, movie_id=1, rating=4.0, timestamp=LONG_AGO)
    assert saved == SavedRating(
        Rating(rating_id=1, user_id=1, movie_id=1, rating=0.5, timestamp=saved.rating.timestamp), is_new=False
    )
    assert saved.rating.timestamp > LONG_AGO
    assert statistics_of(ratings.session, 1) == (3, 9.0)


@on_each_database
def test_a_rating_taken_back_leaves_count_and_sum(ratings: RatingService) -> None:
    first = ratings.get_rating(1)

    ratings.delete_rating(first)

    assert statistics_of(ratings.session, 1) == (2, 8.5)
    with pytest.raises(RatingNotFound, match="1"):
        ratings.get_rating(1)
    with pytest.raises(RatingNotFound, match="1"):
        ratings.delete_rating(first)
    assert statistics_of(ratings.session, 1) == (2, 8.5)


@on_each_database
def test_the_id_of_a_rating_taken_back_is_not_given_again(ratings: RatingService) -> None:
    gone = ratings.save_rating(RatingCreate(user_id=1, movie_id=THE_POSTMAN, rating=3.0)).rating
    ratings.delete_rating(gone)

    saved = ratings.save_rating(RatingCreate(user_id=1, movie_id=THE_POSTMAN, rating=3.0))

    assert saved.is_new
    assert saved.rating.rating_id > gone.rating_id


@on_each_database
def test_an_unknown_user_or_movie_cannot_be_part_of_a_rating(ratings: RatingService) -> None:
    before = kept_statistics(ratings.session)

    with pytest.raises(UserNotFound, match=str(UNKNOWN)):
        ratings.save_rating(RatingCreate(user_id=UNKNOWN, movie_id=1, rating=3.0))
    with pytest.raises(MovieNotFound, match=str(UNKNOWN)):
        ratings.save_rating(RatingCreate(user_id=1, movie_id=UNKNOWN, rating=3.0))

    assert kept_statistics(ratings.session) == recounted_statistics(ratings.session) == before


@on_each_database
def test_statistics_follow_any_sequence_of_changes(ratings: RatingService) -> None:
    generator = random.Random(1)  # noqa: S311 (no secret, only the same changes every time)

    for _ in range(150):
        existing = ratings.session.scalars(select(RatingRow.rating_id).order_by(RatingRow.rating_id)).all()
        if existing and generator.random() < 0.4:
            ratings.delete_rating(ratings.get_rating(generator.choice(existing)))
        else:
            ratings.save_rating(
                RatingCreate(
                    user_id=generator.randint(1, 4),
                    movie_id=generator.randint(1, 12),
                    rating=generator.randint(1, 10) / 2,
                )
            )

    assert kept_statistics(ratings.session) == recounted_statistics(ratings.session) != {}
    assert kept_histograms(ratings.session) == recounted_histograms(ratings.session)


@on_each_database
def test_a_history_is_read_up_to_a_bound(ratings: RatingService) -> None:
    histories = HistoryDataManager(SessionReader(ratings.session))

    read = [histories.find(1, at_most=bound) for bound in (3, 100)]

    assert [history.movie_ids.size for history in read if history is not None] == [3, 5]


@on_each_database
def test_the_database_itself_refuses_a_wrong_rating(session: Session) -> None:
    row = {"user_id": 1, "movie_id": THE_POSTMAN, "rating": 3.0, "rated_at": LONG_AGO}

    for values, constraint in WRONG_VALUES:
        with pytest.raises(IntegrityError, match=constraint), session.begin_nested():
            session.execute(insert(RatingRow).values(row | values))


@on_each_database
def test_the_database_itself_takes_every_half_step(session: Session) -> None:
    session.execute(insert(User).values(user_id=5))

    session.execute(
        insert(RatingRow),
        [
            {"user_id": 5, "movie_id": movie_id, "rating": movie_id / 2, "rated_at": LONG_AGO}
            for movie_id in range(1, 11)
        ],
    )

    assert session.scalar(select(func.sum(RatingRow.rating)).where(RatingRow.user_id == 5)) == 27.5
