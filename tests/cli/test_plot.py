"""The picture of an evaluation, looked at where it can be: what stands for which numbers."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle

from server.cli.plot import draw_reliability_diagrams
from server.recommender.evaluation.calibration_metrics import CalibrationBin
from server.recommender.evaluation.card import Evaluation, Metrics

METRICS = Metrics.model_validate(dict.fromkeys(Metrics.model_fields, 0) | {"ece": 0.08, "ece_floor": 0.0123})
BINS = (
    CalibrationBin(lower=0.0, upper=0.1, pairs=10, mean_predicted=0.05, observed=0.0),
    CalibrationBin(lower=0.5, upper=0.6, pairs=1_000, mean_predicted=0.54, observed=0.6),
)


def evaluation(algorithm: str, bins: tuple[CalibrationBin, ...]) -> Evaluation:
    return Evaluation(algorithm=algorithm, parameters={}, metrics=METRICS, calibration=bins, activity=(), cold_start=())


def panels(*evaluations: Evaluation) -> tuple[list[Axes], list[Axes]]:
    """Return the diagrams and the histograms below them."""
    axes = draw_reliability_diagrams(evaluations, split="random").axes
    return axes[: len(evaluations)], axes[len(evaluations) :]


def test_each_algorithm_has_a_panel_with_its_calibration_error() -> None:
    diagrams, histograms = panels(evaluation("ease", BINS), evaluation("popularity", BINS[1:]))

    assert [axes.get_title() for axes in diagrams] == [
        f"{algorithm}\nECE 0.0800 (by chance alone 0.0123)" for algorithm in ("ease", "popularity")
    ]
    assert len(histograms) == 2


def test_points_are_at_the_predicted_and_observed_share_of_a_bin() -> None:
    (diagram,), _ = panels(evaluation("ease", BINS))

    ideal, measured = (np.asarray(line.get_xydata()).tolist() for line in diagram.lines)
    assert ideal == [[0, 0], [1, 1]]
    assert measured == [[0.05, 0.0], [0.54, 0.6]]


def test_a_bin_of_few_ratings_has_a_wide_interval() -> None:
    (diagram,), _ = panels(evaluation("ease", BINS))

    (intervals,) = diagram.collections
    assert isinstance(intervals, LineCollection)
    bounds = np.array(intervals.get_segments())[:, :, 1]
    assert bounds[0] == pytest.approx([0.0, 0.2775], abs=1e-4)
    assert bounds[1] == pytest.approx([0.5693, 0.6299], abs=1e-4)


def test_bars_are_as_wide_as_a_bin_and_as_high_as_it_has_ratings() -> None:
    _, (histogram,) = panels(evaluation("ease", BINS))

    bars = [(patch.get_x(), patch.get_width(), patch.get_height()) for patch in histogram.findobj(Rectangle)[:2]]
    assert bars == [pytest.approx((0.0, 0.1, 10)), pytest.approx((0.5, 0.1, 1_000))]
