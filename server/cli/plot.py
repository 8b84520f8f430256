"""The picture of ``matinee evaluate --plot``: predicted probabilities against observed shares."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest

from server.recommender.evaluation.calibration_metrics import CalibrationBin
from server.recommender.evaluation.card import Evaluation

# From the palette of Okabe and Ito: distinguishable to colour-blind people and in greyscale.
MEASURED, IDEAL = "#0072B2", "#E69F00"

PANEL_WIDTH, HEIGHT = 4.2, 5.6
"""In inches."""


def draw_reliability_diagrams(evaluations: Sequence[Evaluation], *, split: str) -> Figure:
    """Draw the reliability table of each algorithm, side by side, above the number of ratings of each point."""
    width = PANEL_WIDTH * max(len(evaluations), 2)
    figure = Figure(figsize=(width, HEIGHT), dpi=150, layout="constrained")
    figure.suptitle(f"Probability that a user likes a movie that they rate, on held-out ratings ({split} split)")
    panels = figure.subplots(
        2, len(evaluations), sharex=True, sharey="row", squeeze=False, gridspec_kw={"height_ratios": (3, 1)}
    )
    for (diagram, histogram), evaluation in zip(panels.T, evaluations, strict=True):
        _draw_diagram(diagram, evaluation)
        _draw_histogram(histogram, evaluation.calibration)
    panels[0, 0].set_ylabel("observed share of 4 stars or more")
    panels[1, 0].set_ylabel("ratings")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_diagram(axes: Axes, evaluation: Evaluation) -> None:
    bins, metrics = evaluation.calibration, evaluation.metrics
    predicted, observed = [row.mean_predicted for row in bins], [row.observed for row in bins]
    # Wilson's interval (1927) also holds near 0 and 1.
    intervals = [
        binomtest(round(row.observed * row.pairs), row.pairs).proportion_ci(0.95, method="wilson") for row in bins
    ]
    axes.plot([0, 1], [0, 1], color=IDEAL, linestyle="--", label="perfect")
    axes.plot(predicted, observed, color=MEASURED, marker="o", markersize=4, linewidth=1, label="measured")
    low, high = [interval.low for interval in intervals], [interval.high for interval in intervals]
    axes.vlines(predicted, low, high, color=MEASURED, label="95% interval, if ratings were independent")
    # Margins keep marks at 0 and 1 in the picture.
    axes.set(xlim=(0, 1), ylim=(-0.03, 1.03))
    axes.set_title(f"{evaluation.algorithm}\nECE {metrics.ece:.4f} (by chance alone {metrics.ece_floor:.4f})")
    axes.grid(alpha=0.3)


def _draw_histogram(axes: Axes, bins: Sequence[CalibrationBin]) -> None:
    edges, widths = [row.lower for row in bins], [row.upper - row.lower for row in bins]
    axes.bar(edges, [row.pairs for row in bins], widths, align="edge", color=MEASURED, edgecolor="white")
    axes.set_xlabel("predicted probability")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
