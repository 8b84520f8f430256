from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import func, select

from server.backend.database import TransactionSession
from server.errors import NoActiveModel, UserNotFound
from server.models import Genre, Movie, MovieGenre, MovieStatistics
from server.models import Rating as RatingRow
from server.schemas.base import Paging
from server.schemas.ratings import RatingCreate
from server.schemas.user import RecommendationQuery, RecommendedMovies
from server.services.live.model import LiveModel
from server.services.ratings import RatingService
from server.services.user import UserService
from tests.support.builders import NEWER_MOVIES, TASTE_MOVIES, is_of_kind

UNKNOWN = 999


@pytest.fixture
def users(session: TransactionSession, live_model: LiveModel) -> UserService:
    return UserService(session, live_model)


@pytest.fixture
def trained_users(trained: LiveModel) -> Iterator[UserService]:
    """Give the service with a model, in a transaction that is rolled back in the end."""
    with trained.database.open_session(writes=True) as session:
        yield UserService(session, trained)


def recommend(users: UserService, user_id: int, *, n: int = 10, exclude_seen: bool = False) -> RecommendedMovies:
    return users.recommend_movies(user_id, RecommendationQuery(n=n, exclude_seen=exclude_seen))


def rated_by(session: TransactionSession, user_id: int) -> set[int]:
    return set(session.scalars(select(RatingRow.movie_id).where(RatingRow.user_id == user_id)))


def rate(session: TransactionSession, user_id: int, stars: dict[int, float]) -> None:
    for movie_id, rating in stars.items():
        RatingService(session).save_rating(RatingCreate(user_id=user_id, movie_id=movie_id, rating=rating))


@pytest.mark.usefixtures("catalogue")
def test_a_new_user_comes_after_those_of_the_source(users: UserService) -> None:
    assert [users.create_user().user_id for _ in range(3)] == [5, 6, 7]


@pytest.mark.usefixtures("catalogue")
def test_ratings_come_newest_first_in_pages(users: UserService) -> None:
    rate(users.session, 1, {12: 2.0})

    pages = [users.list_ratings(1, Paging(limit=4, page=page)) for page in (1, 2, 3)]

    # Alien and Aliens were rated in the same second: the later entry comes first.
    assert [[rating.movie_id for rating in page.ratings] for page in pages] == [[12, 2, 5, 4], [3, 1], []]
    assert {(page.total, page.limit) for page in pages} == {(6, 4)}


@pytest.mark.usefixtures("catalogue")
def test_a_user_without_ratings_has_an_empty_page(users: UserService) -> None:
    page = users.list_ratings(users.create_user().user_id, Paging())

    assert (page.ratings, page.total) == ([], 0)


def test_an_unknown_user_is_not_found(users: UserService) -> None:
    with pytest.raises(UserNotFound, match=str(UNKNOWN)):
        users.list_ratings(UNKNOWN, Paging())
    with pytest.raises(UserNotFound, match=str(UNKNOWN)):
        recommend(users, UNKNOWN)


def test_without_a_model_nothing_is_recommended(users: UserService) -> None:
    user_id = users.create_user().user_id

    with pytest.raises(NoActiveModel):
        recommend(users, user_id)


def test_as_many_movies_are_recommended_as_asked_for_and_there_are(trained_users: UserService) -> None:
    found = [recommend(trained_users, 1, n=n) for n in (1, 10, 33, 100)]

    assert [len(set(movies.movie_ids)) for movies in found] == [1, 10, 33, 33]
    assert [len(movies.probabilities) for movies in found] == [len(movies.movie_ids) for movies in found]
    assert [movies.movie_ids[0] for movies in found] == [found[0].movie_ids[0]] * 4


def test_probabilities_fall_along_the_list(trained_users: UserService) -> None:
    probabilities = recommend(trained_users, 1, n=30).probabilities

    assert 0 < probabilities[-1] < probabilities[0] < 1
    assert np.all(np.diff(probabilities) < 0)


def test_a_user_is_recommended_what_others_of_his_taste_like(trained_users: UserService) -> None:
    of_own_kind = [
        is_of_kind(movie_id, user_id)
        for user_id in (1, 2, 3, 4)
        for movie_id in recommend(trained_users, user_id, n=3, exclude_seen=True).movie_ids
    ]

    assert np.mean(of_own_kind) > 0.8


def test_movies_the_user_has_rated_are_left_out_only_on_demand(trained_users: UserService) -> None:
    seen = rated_by(trained_users.session, 1)

    everything = recommend(trained_users, 1, n=100)
    unseen = recommend(trained_users, 1, n=100, exclude_seen=True)

    assert set(everything.movie_ids) == {*TASTE_MOVIES, *NEWER_MOVIES}
    assert [movie_id for movie_id in everything.movie_ids if movie_id not in seen] == unseen.movie_ids
    # One of the newer movies is among those he has rated.
    assert unseen.movie_ids[-2:] == [31, 32]
    assert 33 in seen


def test_a_new_user_gets_the_movies_that_most_people_like(trained_users: UserService) -> None:
    likes = trained_users.session.execute(
        select(RatingRow.movie_id)
        .where(RatingRow.rating >= 4)
        .group_by(RatingRow.movie_id)
        .order_by(func.count().desc(), RatingRow.movie_id)
        .limit(10)
    )

    found = recommend(trained_users, trained_users.create_user().user_id)

    assert found.movie_ids == [movie_id for (movie_id,) in likes]


def test_a_new_rating_counts_at_once(trained_users: UserService) -> None:
    user_id = trained_users.create_user().user_id
    even_before = [movie_id for movie_id in recommend(trained_users, user_id).movie_ids if movie_id % 2 == 0]

    rate(trained_users.session, user_id, {2: 5.0, 6: 5.0, 10: 4.5, 14: 4.0})

    even_after = [movie_id for movie_id in recommend(trained_users, user_id).movie_ids if movie_id % 2 == 0]
    assert len(even_before) < 8 <= len(even_after)


@pytest.mark.parametrize(("user_id", "newer"), [(1, [31, 33, 32]), (2, [32, 31, 33])])
def test_movies_newer_than_the_model_end_the_list_the_users_genre_first(
    trained_users: UserService, user_id: int, newer: list[int]
) -> None:
    found = recommend(trained_users, user_id, n=100)

    assert set(found.movie_ids[:30]) == set(TASTE_MOVIES)
    assert found.movie_ids[30:] == newer
    assert np.all(np.diff(found.probabilities) < 0)
    assert found.probabilities[-1] > 0


def test_a_newer_movie_of_an_unknown_genre_and_without_a_year_has_its_place_too(trained_users: UserService) -> None:
    session = trained_users.session
    session.add(Movie(movie_id=40, title="Solaris", sort_title="solaris", source_title="Solaris"))
    session.add(Genre(genre_id=40, genre_name="Science Fiction"))
    session.flush()
    session.add_all([MovieGenre(movie_id=40, genre_id=40), MovieStatistics(movie_id=40, rating_count=0, rating_sum=0)])

    found = recommend(trained_users, 1, n=100)

    assert found.movie_ids[30:] == [31, 33, 40, 32]
    assert np.all(np.diff(found.probabilities) < 0)


def test_a_list_that_the_model_can_fill_holds_no_newer_movie(trained_users: UserService) -> None:
    assert set(recommend(trained_users, 1, n=30).movie_ids) == set(TASTE_MOVIES)
    assert recommend(trained_users, 1, n=31).movie_ids[-1] == 31


@pytest.mark.parametrize("exclude_seen", [False, True])
def test_a_short_list_is_the_head_of_a_long_one_among_the_newer_movies_too(
    trained_users: UserService, *, exclude_seen: bool
) -> None:
    whole = recommend(trained_users, 1, n=100, exclude_seen=exclude_seen)

    for n in range(1, len(whole.movie_ids)):
        head = recommend(trained_users, 1, n=n, exclude_seen=exclude_seen)
        assert (head.movie_ids, head.probabilities) == (whole.movie_ids[:n], whole.probabilities[:n])
