"""The order of a user's recommendations, and what is in them."""

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.errors import NoActiveModel, UserNotFound
from server.models import Genre, Movie, MovieGenre, MovieStatistics
from server.models import Rating as RatingRow
from server.schemas.ratings import RatingCreate
from server.schemas.user import RecommendationQuery, RecommendedMovies
from server.services.live.model import LiveModel
from server.services.ratings import RatingService
from server.services.recommendations import RecommendationService
from server.services.user import UserDataManager
from tests.support.builders import NEWER_MOVIES, TASTE_MOVIES, is_of_kind
from tests.support.readers import recommendations_of
from tests.support.tables import for_each, for_each_in

on_each_database = for_each_in("recommenders", "recommendations")

UNKNOWN = 999


@pytest.fixture
def untrained(session: Session, live_model: LiveModel) -> RecommendationService:
    return recommendations_of(session, live_model)


def recommend(
    recommendations: RecommendationService, user_id: int, *, n: int = 10, exclude_seen: bool = False
) -> RecommendedMovies:
    return recommendations.recommend_movies(user_id, RecommendationQuery(n=n, exclude_seen=exclude_seen))


def new_user(recommendations: RecommendationService) -> int:
    return UserDataManager(recommendations.session).create()


def rated_by(session: Session, user_id: int) -> set[int]:
    return set(session.scalars(select(RatingRow.movie_id).where(RatingRow.user_id == user_id)))


def rate(session: Session, user_id: int, stars: dict[int, float]) -> None:
    for movie_id, rating in stars.items():
        RatingService(session).save_rating(RatingCreate(user_id=user_id, movie_id=movie_id, rating=rating))


@on_each_database
def test_an_unknown_user_gets_nothing(recommendations: RecommendationService) -> None:
    with pytest.raises(UserNotFound, match=str(UNKNOWN)):
        recommend(recommendations, UNKNOWN)


def test_without_a_model_nothing_is_recommended(untrained: RecommendationService) -> None:
    user_id = new_user(untrained)

    with pytest.raises(NoActiveModel):
        recommend(untrained, user_id)


@on_each_database
def test_as_many_movies_are_recommended_as_asked_for_and_there_are(recommendations: RecommendationService) -> None:
    found = [recommend(recommendations, 1, n=n) for n in (1, 10, 33, 100)]

    assert [len(set(movies.movie_ids)) for movies in found] == [1, 10, 33, 33]
    assert [len(movies.probabilities) for movies in found] == [len(movies.movie_ids) for movies in found]
    assert [movies.movie_ids[0] for movies in found] == [found[0].movie_ids[0]] * 4


@on_each_database
def test_probabilities_fall_along_the_list(recommendations: RecommendationService) -> None:
    probabilities = recommend(recommendations, 1, n=30).probabilities

    assert 0 < probabilities[-1] < probabilities[0] < 1
    assert np.all(np.diff(probabilities) < 0)


@on_each_database
def test_a_user_is_recommended_what_others_of_the_same_taste_like(recommendations: RecommendationService) -> None:
    of_own_kind = [
        is_of_kind(movie_id, user_id)
        for user_id in (1, 2, 3, 4)
        for movie_id in recommend(recommendations, user_id, n=3, exclude_seen=True).movie_ids
    ]

    assert np.mean(of_own_kind) > 0.8


@on_each_database
def test_movies_the_user_has_rated_are_left_out_only_on_demand(recommendations: RecommendationService) -> None:
    seen = rated_by(recommendations.session, 1)

    everything = recommend(recommendations, 1, n=100)
    unseen = recommend(recommendations, 1, n=100, exclude_seen=True)

    assert set(everything.movie_ids) == {*TASTE_MOVIES, *NEWER_MOVIES}
    assert [movie_id for movie_id in everything.movie_ids if movie_id not in seen] == unseen.movie_ids
    # One of the newer movies is among the rated ones.
    assert unseen.movie_ids[-2:] == [31, 32]
    assert 33 in seen


def disliked_by(session: Session, user_id: int) -> set[int]:
    """Return the movies that a user has rated below 4 stars."""
    rows = select(RatingRow.movie_id).where(RatingRow.user_id == user_id, RatingRow.rating < 4)
    return set(session.scalars(rows))


@on_each_database
def test_a_new_user_gets_the_movies_that_most_people_like(recommendations: RecommendationService) -> None:
    likes = recommendations.session.execute(
        select(RatingRow.movie_id)
        .where(RatingRow.rating >= 4)
        .group_by(RatingRow.movie_id)
        .order_by(func.count().desc(), RatingRow.movie_id)
        .limit(10)
    )

    found = recommend(recommendations, new_user(recommendations))

    assert found.movie_ids == [movie_id for (movie_id,) in likes]


@on_each_database
def test_a_new_rating_counts_at_once(recommendations: RecommendationService) -> None:
    user_id = new_user(recommendations)
    even_before = [movie_id for movie_id in recommend(recommendations, user_id).movie_ids if movie_id % 2 == 0]

    rate(recommendations.session, user_id, {2: 5.0, 6: 5.0, 10: 4.5, 14: 4.0})

    even_after = [movie_id for movie_id in recommend(recommendations, user_id).movie_ids if movie_id % 2 == 0]
    assert len(even_before) < 8 <= len(even_after)


@on_each_database
@for_each(("user_id", "newer"), [(1, [31, 33, 32]), (2, [32, 31, 33])])
def test_movies_newer_than_the_model_end_the_list_the_users_genre_first(
    recommendations: RecommendationService, user_id: int, newer: list[int]
) -> None:
    disliked = disliked_by(recommendations.session, user_id)

    found = recommend(recommendations, user_id, n=100)

    n_others = 30 - len(disliked)
    assert set(found.movie_ids[:n_others]) == set(TASTE_MOVIES) - disliked
    assert found.movie_ids[n_others : n_others + 3] == newer
    assert set(found.movie_ids[n_others + 3 :]) == disliked
    assert np.all(np.diff(found.probabilities) < 0)
    assert found.probabilities[-1] > 0


@on_each_database
def test_a_newer_movie_of_an_unknown_genre_and_without_a_year_has_its_place_too(
    recommendations: RecommendationService,
) -> None:
    session = recommendations.session
    session.add(Movie(movie_id=40, title="Solaris", sort_title="solaris", source_title="Solaris"))
    session.add(Genre(genre_id=40, genre_name="Science Fiction"))
    session.flush()
    session.add_all([MovieGenre(movie_id=40, genre_id=40), MovieStatistics(movie_id=40, rating_count=0, rating_sum=0)])

    found = recommend(recommendations, 1, n=100)

    n_others = 30 - len(disliked_by(session, 1))
    assert found.movie_ids[n_others : n_others + 4] == [31, 33, 40, 32]
    assert np.all(np.diff(found.probabilities) < 0)


@on_each_database
def test_a_list_that_the_model_can_fill_holds_no_newer_movie(recommendations: RecommendationService) -> None:
    n_others = 30 - len(disliked_by(recommendations.session, 1))

    assert set(recommend(recommendations, 1, n=n_others).movie_ids) < set(TASTE_MOVIES)
    assert recommend(recommendations, 1, n=n_others + 1).movie_ids[-1] == 31


@on_each_database
@for_each("exclude_seen", [False, True])
def test_a_short_list_is_the_head_of_a_long_one_among_the_newer_movies_too(
    recommendations: RecommendationService, *, exclude_seen: bool
) -> None:
    whole = recommend(recommendations, 1, n=100, exclude_seen=exclude_seen)

    for n in range(1, len(whole.movie_ids)):
        head = recommend(recommendations, 1, n=n, exclude_seen=exclude_seen)
        assert (head.movie_ids, head.probabilities) == (whole.movie_ids[:n], whole.probabilities[:n])
