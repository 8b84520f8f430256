"""Whether a new model may replace the live one: both on the same held-out ratings, user by user."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.base import Record
from server.recommender.evaluation import bootstrap_interval, list_qualities, rank
from server.recommender.model import TrainedModel
from server.recommender.splits import Split

ECE_BOUND = 0.025
"""A calibration error is good enough where chance alone explains all but so much of it."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """A model on held-out ratings; two can be compared if they are of the same ratings."""

    ndcg_at_10: NDArray[np.float64]
    """Of each user with a relevant movie, in the order of the users."""
    ece: float
    ece_floor: float
    """The calibration error of the model's card and its noise floor: on ratings that the model had not seen."""


class Verdict(Record):
    """Whether a new model may go live, and why."""

    is_passed: bool
    reason: str = Field(description="A sentence for the person who wonders.")


def measure(model: TrainedModel, sample: Split) -> Measurement:
    """Measure the lists that a model would give the users of a sample, whose movies are the model's.

    A model that has seen the sample's held-out ratings looks better than it is: compare it with one that has, too.
    """
    lists = rank(model.algorithm, sample).lists
    metrics = model.card.metrics
    return Measurement(list_qualities(lists, sample).ndcg_at_10, metrics.ece, metrics.ece_floor)


def judge(new: Measurement, live: Measurement) -> Verdict:
    """Pass a model that is not worse than the live one: in NDCG@10 by more than chance, or in calibration.

    Chance is the 95 % bootstrap interval of the users' differences. The calibration error may be as large as the
    live one's, or as ``ECE_BOUND`` above the noise floor. Raises ValueError for different users.
    """
    if new.ndcg_at_10.shape != live.ndcg_at_10.shape:
        raise ValueError("The models were not measured on the same users.")
    differences = new.ndcg_at_10 - live.ndcg_at_10
    low, high = bootstrap_interval(differences)
    comparison = (
        f"NDCG@10 is {new.ndcg_at_10.mean():.4f}, the live model's {live.ndcg_at_10.mean():.4f} on the same ratings "
        f"(difference {low:+.4f} to {high:+.4f})"
    )
    if high < 0:
        return Verdict(is_passed=False, reason=f"{comparison}: the lists are worse.")
    bound = max(live.ece, new.ece_floor + ECE_BOUND)
    if new.ece > bound:
        reason = f"The calibration error is {new.ece:.4f}, more than {bound:.4f}: the probabilities are not true."
        return Verdict(is_passed=False, reason=reason)
    return Verdict(is_passed=True, reason=f"{comparison}: it is not worse.")
