from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from server.backend.metrics import Metrics
from server.schemas.ratings import Rating
from server.schemas.user import RecommendedMovies
from server.services.live.calibration import RunningCalibration
from tests.backend.test_metrics import read


def at_once(call: Callable[..., None], *arguments: object) -> None:
    call(*arguments)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def calibration(metrics: Metrics) -> RunningCalibration:
    return RunningCalibration(metrics, max_users=2)


def rating(user_id: int, movie_id: int, stars: float) -> Rating:
    return Rating(rating_id=1, user_id=user_id, movie_id=movie_id, rating=stars, timestamp=datetime.now(UTC))


def recommended(movie_ids: list[int], probabilities: list[float]) -> RecommendedMovies:
    return RecommendedMovies(movie_ids=movie_ids, probabilities=probabilities)


def counted(metrics: Metrics) -> dict[str, tuple[float, float, float]]:
    """Return the numbers of rated and liked movies and the sum of the predictions, by tenth."""
    text = metrics.render()
    names = ("rated", "liked", "predicted")
    rated, liked, predicted = (read(text, f"matinee_recommended_{name}_total") for name in names)
    return {tenth[0]: (rated[tenth], liked[tenth], predicted[tenth]) for tenth in rated}


def test_a_rated_recommendation_is_counted(calibration: RunningCalibration, metrics: Metrics) -> None:
    calibration.record_list(1, recommended([10, 20, 30], [0.9, 0.8, 0.3]), at_once)

    calibration.record_rating(rating(1, 10, 4.0), is_first=True)
    calibration.record_rating(rating(1, 30, 3.5), is_first=True)

    assert counted(metrics) == {"0.9": (1, 1, 0.9), "0.3": (1, 0, 0.3)}


def test_a_rated_movie_that_was_not_recommended_is_not_counted(
    calibration: RunningCalibration, metrics: Metrics
) -> None:
    calibration.record_list(1, recommended([10], [0.9]), at_once)

    calibration.record_rating(rating(1, 20, 4.0), is_first=True)
    calibration.record_rating(rating(2, 10, 4.0), is_first=True)

    assert counted(metrics) == {}


def test_another_rating_of_the_same_movie_is_not_counted(calibration: RunningCalibration, metrics: Metrics) -> None:
    calibration.record_list(1, recommended([10], [0.9]), at_once)

    calibration.record_rating(rating(1, 10, 4.0), is_first=False)

    assert counted(metrics) == {}


def test_a_movie_of_a_list_counts_once(calibration: RunningCalibration, metrics: Metrics) -> None:
    calibration.record_list(1, recommended([10], [0.9]), at_once)

    for _ in range(2):
        calibration.record_rating(rating(1, 10, 4.0), is_first=True)

    assert counted(metrics) == {"0.9": (1, 1, 0.9)}


def test_the_last_probability_is_the_one_that_counts(calibration: RunningCalibration, metrics: Metrics) -> None:
    calibration.record_list(1, recommended([10], [0.9]), at_once)
    calibration.record_list(1, recommended([10], [0.5]), at_once)

    calibration.record_rating(rating(1, 10, 4.0), is_first=True)

    assert counted(metrics) == {"0.5": (1, 1, 0.5)}


def test_the_user_with_the_oldest_list_is_forgotten_first(calibration: RunningCalibration, metrics: Metrics) -> None:
    for user_id in (1, 2, 1, 3):
        calibration.record_list(user_id, recommended([10], [0.9]), at_once)

    calibration.record_rating(rating(2, 10, 4.0), is_first=True)
    forgotten = counted(metrics)
    calibration.record_rating(rating(1, 10, 4.0), is_first=True)

    assert (forgotten, counted(metrics)) == ({}, {"0.9": (1, 1, 0.9)})
