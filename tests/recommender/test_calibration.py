import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.recommender.calibration import (
    CalibrationMetrics,
    Calibrator,
    Pairs,
    RatedPairs,
    ReliabilityBin,
    calibration_metrics,
    reliability_table,
)
from server.recommender.ranking import count_higher

TRUTH = Calibrator(rank_slope=0.4, score_slope=2.0, user_slope=0.8, intercept=1.0, like_share=0.5)


def rated_pairs(*, n: int, seed: int) -> RatedPairs:
    """Pairs that come out as ``TRUTH`` says."""
    random = np.random.default_rng(seed)
    user_ratings = random.integers(200, 400, n)
    pairs = Pairs(
        random.random(n),
        random.integers(0, 2000, n),
        random.binomial(user_ratings, random.uniform(0.2, 0.9, n)),
        user_ratings,
    )
    liked = random.random(n) < TRUTH.probabilities(pairs)
    return RatedPairs(**vars(pairs), users=np.arange(n), liked=liked)


def pairs_of_one_user(scores: list[float]) -> Pairs:
    column = np.array(scores)
    return Pairs(column, count_higher(column, column), np.full(column.size, 3), np.full(column.size, 5))


def test_a_fit_recovers_the_probabilities_that_made_the_pairs() -> None:
    calibrator = Calibrator.fit(rated_pairs(n=40_000, seed=1))

    unseen = rated_pairs(n=40_000, seed=2)
    probabilities = calibrator.probabilities(unseen)
    np.testing.assert_allclose(probabilities, TRUTH.probabilities(unseen), atol=0.02)
    assert calibration_metrics(probabilities, unseen.liked).ece < 0.01


@pytest.mark.parametrize("liked", [[True, False, True, False], [False, True, False, True]])
def test_a_few_pairs_even_misleading_ones_give_a_rising_probability_that_is_not_extreme(liked: list[bool]) -> None:
    pairs = RatedPairs(
        scores=np.array([0.9, 0.1, 0.8, 0.2]),
        ranks=np.array([0, 50, 1, 40]),
        user_likes=np.array([3, 3, 0, 0]),
        user_ratings=np.array([5, 5, 5, 5]),
        users=np.array([1, 1, 2, 2]),
        liked=np.array(liked),
    )

    probabilities = Calibrator.fit(pairs).probabilities(pairs_of_one_user([0.9, 0.5, 0.1]))

    assert 0.97 > probabilities[0] > probabilities[1] > probabilities[2] > 0.03


@settings(deadline=None)
@given(st.lists(st.floats(-2, 2).map(lambda score: round(score, 6)), min_size=1, max_size=30))
def test_the_order_of_the_probabilities_is_the_order_of_the_scores(scores: list[float]) -> None:
    steepest, flattest = (
        Calibrator(rank_slope=rank_slope, score_slope=score_slope, user_slope=1, intercept=2, like_share=0.5)
        for rank_slope, score_slope in ((1.0, 5.0), (0.0, 0.001))
    )
    best_first = sorted(scores, reverse=True)

    for calibrator in (steepest, flattest):
        falls = np.diff(calibrator.probabilities(pairs_of_one_user(best_first))) < 0
        assert falls.tolist() == (np.diff(best_first) < 0).tolist()


def test_neighbours_at_the_end_of_a_large_catalogue_keep_their_order() -> None:
    scores = np.linspace(1, 0, 100_000)

    probabilities = TRUTH.probabilities(pairs_of_one_user(scores.tolist()))

    assert np.all(np.diff(probabilities) < 0)


def test_no_score_makes_a_probability_certain() -> None:
    probabilities = TRUTH.probabilities(pairs_of_one_user([1e300, 50.0, 0.0, -50.0, -1e300]))

    assert probabilities.tolist() == sorted(probabilities, reverse=True)
    assert probabilities[0] < 1
    assert probabilities[-1] > 0


def test_a_user_who_likes_more_has_higher_probabilities_and_a_new_one_the_common_ones() -> None:
    generous, new, strict = (
        TRUTH.probabilities(Pairs(np.array([0.5]), np.array([3]), np.array([likes]), np.array([ratings])))[0]
        for likes, ratings in ((20, 20), (0, 0), (0, 20))
    )

    assert generous > new > strict
    assert new == pytest.approx(1 / (1 + np.exp(0.4 * np.log(4) - 2.0 * 0.5 - 1.0)))


def test_metrics_of_four_pairs_are_those_worked_out_by_hand() -> None:
    probabilities, liked = np.array([0.1, 0.3, 0.8, 0.9]), np.array([False, True, True, False])

    metrics = calibration_metrics(probabilities, liked)

    assert metrics.model_dump() == pytest.approx(
        CalibrationMetrics(
            calibration_pairs=4,
            ece=(0.1 + 0.7 + 0.2 + 0.9) / 4,
            brier=(0.01 + 0.49 + 0.04 + 0.81) / 4,
            log_loss=-np.log(0.9 * 0.3 * 0.8 * 0.1) / 4,
            auc=0.5,
        ).model_dump()
    )


def test_the_reliability_table_has_a_row_for_each_tenth_that_holds_a_pair() -> None:
    probabilities, liked = np.array([0.5, 0.55, 0.99, 1.0]), np.array([True, False, True, True])

    table = reliability_table(probabilities, liked)

    assert table == (
        ReliabilityBin(lower=0.5, upper=0.6, pairs=2, mean_predicted=0.525, observed=0.5),
        ReliabilityBin(lower=0.9, upper=1.0, pairs=2, mean_predicted=0.995, observed=1.0),
    )
