import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from server.recommender.evaluation.calibration_metrics import (
    CalibrationBin,
    CalibrationMetrics,
    calibration_error,
    calibration_metrics,
    noise_floor,
    reliability_table,
)


def test_metrics_of_four_pairs_are_those_worked_out_by_hand() -> None:
    probabilities, liked = np.array([0.1, 0.3, 0.8, 0.9]), np.array([False, True, True, False])

    metrics = calibration_metrics(probabilities, liked, ranks=np.array([500, 20, 19, 0]))

    floors = noise_floor(probabilities), noise_floor(probabilities[2:])
    assert metrics.model_dump() == pytest.approx(
        CalibrationMetrics(
            calibration_pairs=4,
            ece=(0.1 + 0.7 + 0.2 + 0.9) / 4,
            ece_floor=floors[0],
            ece_top_20=(0.2 + 0.9) / 2,
            ece_top_20_floor=floors[1],
            brier=(0.01 + 0.49 + 0.04 + 0.81) / 4,
            log_loss=-np.log(0.9 * 0.3 * 0.8 * 0.1) / 4,
            auc=0.5,
        ).model_dump()
    )


def test_errors_and_order_are_those_of_scikit_learn_with_ties_and_certainty_too() -> None:
    random = np.random.default_rng(0)
    probabilities = np.append(random.integers(1, 20, 400) / 20, [0.0, 1.0])
    liked = np.append(random.random(400) < probabilities[:400], [True, False])

    metrics = calibration_metrics(probabilities, liked, ranks=np.zeros(402, np.int64))

    assert metrics.auc == pytest.approx(roc_auc_score(liked, probabilities))
    assert metrics.brier == pytest.approx(brier_score_loss(liked, probabilities))
    assert metrics.log_loss == pytest.approx(log_loss(liked, probabilities))


def test_the_reliability_table_has_a_row_for_each_tenth_that_holds_a_pair() -> None:
    probabilities, liked = np.array([0.5, 0.55, 0.99, 1.0]), np.array([True, False, True, True])

    table = reliability_table(probabilities, liked)

    assert table == (
        CalibrationBin(lower=0.5, upper=0.6, pairs=2, mean_predicted=0.525, observed=0.5),
        CalibrationBin(lower=0.9, upper=1.0, pairs=2, mean_predicted=0.995, observed=1.0),
    )


def test_the_noise_floor_is_the_error_of_true_probabilities_and_shrinks_with_their_number() -> None:
    random = np.random.default_rng(1)
    few, many = random.random(500), random.random(50_000)

    errors = [calibration_error(few, random.random(500) < few) for _ in range(200)]

    assert noise_floor(few) == pytest.approx(np.mean(errors), rel=0.1)
    assert noise_floor(many) == pytest.approx(noise_floor(few) / 10, rel=0.3)


def test_nothing_in_the_first_twenty_has_no_error_there() -> None:
    metrics = calibration_metrics(np.array([0.2, 0.6]), np.array([False, True]), ranks=np.array([20, 21]))

    assert (metrics.ece_top_20, metrics.ece_top_20_floor) == (0, 0)
