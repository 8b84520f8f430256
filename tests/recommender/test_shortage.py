"""Training on ratings that are too few, or too much alike, to hold some out."""

import numpy as np
import pytest

from server.command_errors import TooFewRatings
from server.recommender.data.ratings import Ratings
from tests.support.generated_tastes import history_of, latest_ratings, ratings_of, rows_of, train_on
from tests.support.tables import for_each


@for_each(
    ("ratings", "message"),
    [
        (
            ratings_of([(1, 2, 5.0, 1)]),
            "needs 10 users with 5 ratings or more. There are 1 ratings and 0 such users",
        ),
        (
            latest_ratings([4.0, 3.0] * 4),
            "needs 10 users with 5 ratings or more. There are 40 ratings and 8 such users",
        ),
        (
            latest_ratings([4.0] * 11),
            "the recent ones of 4 stars or more come from 11 users and the lower ones from 0",
        ),
        (
            latest_ratings([4.0, *[3.0] * 9]),
            "the recent ones of 4 stars or more come from 1 users and the lower ones from 9",
        ),
        (
            rows_of(latest_ratings([4.0, 3.0] * 8), np.arange(80) % 5 == 4),
            "needs 10 users with 5 ratings or more. There are 16 ratings and 0 such users",
        ),
    ],
)
def test_without_enough_to_hold_out_popularity_is_trained_and_the_reason_counts(ratings: Ratings, message: str) -> None:
    training = train_on(ratings, algorithm="nmf")

    assert message in str(training.shortage)
    assert (training.model.card.algorithm, training.model.card.metrics) == ("popularity", None)
    assert training.model.card.data.ratings == len(ratings)


def test_a_model_of_positive_ratings_only_recommends_the_most_popular_first() -> None:
    ratings = ratings_of([(user, movie, 5.0, movie) for user in range(1, 31) for movie in range(1, user + 1)])

    recommended = train_on(ratings).model.recommend(history_of({}), n=5, exclude_seen=False)

    assert recommended.movie_ids.tolist() == [1, 2, 3, 4, 5]
    assert all(0.99 < probability < 1 for probability in recommended.probabilities)


def test_the_probabilities_of_an_unmeasured_model_are_the_share_of_positive_ratings() -> None:
    ratings = ratings_of([(1, 1, 5.0, 1), (2, 1, 5.0, 1), (3, 1, 2.0, 1), (4, 2, 4.0, 1), (5, 2, 1.0, 1)])

    recommended = train_on(ratings).model.recommend(history_of({}), n=2, exclude_seen=False)

    assert recommended.movie_ids.tolist() == [1, 2]
    assert recommended.probabilities.tolist() == pytest.approx([4 / 7, 4 / 7], abs=1e-3)


@for_each(
    ("ratings", "message"),
    [
        (ratings_of([]), "the 0 ratings contain none."),
        (ratings_of([(1, 1, 3.5, 1), (2, 1, 1.0, 1)]), "the 2 ratings contain none."),
    ],
)
def test_without_a_positive_rating_there_is_nothing_to_rank(ratings: Ratings, message: str) -> None:
    with pytest.raises(TooFewRatings, match=f"A training needs a rating of 4 stars or more, but {message}"):
        train_on(ratings)


def test_without_an_earlier_like_popularity_is_trained() -> None:
    ratings = latest_ratings([4.0, 3.0] * 8)
    sour = Ratings(
        ratings.user_ids, ratings.movie_ids, np.where(ratings.movie_ids < 5, 1, ratings.ratings), ratings.rated_at
    )

    assert "an earlier rating of 4 stars" in str(train_on(sour).shortage)
