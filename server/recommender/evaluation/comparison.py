"""Whether a new model may replace the live one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.algorithms.base import Record
from server.recommender.data.splits import Split
from server.recommender.evaluation.ranking_metrics import bootstrap_interval, list_qualities, rank
from server.recommender.model import ModelCard, Trial

ECE_BOUND = 0.025
"""A calibration error is good enough where chance alone explains all but so much of it."""

AUC_BOUND = 0.05
"""AUC may be so much lower than the live model's was: more than that is no chance."""

ABOUT_AS_MANY = 1.25
"""Of two numbers of ratings that differ by no more than this factor, the measurements should be alike."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """A model on held-out ratings; two can be compared if they are of the same ratings."""

    ndcg_at_10: NDArray[np.float64]
    """Of each user with a relevant movie, in the order of the users."""
    card: ModelCard
    """What was measured when the model was trained, on the held-out ratings of that time."""

    @classmethod
    def of(cls, lists: NDArray[np.int64], sample: Split, card: ModelCard) -> Self:
        """Measure lists for the users of a sample."""
        return cls(list_qualities(lists, sample).ndcg_at_10, card)


class Verdict(Record):
    """Whether a new model may go live, and why."""

    accepted: bool
    reason: str = Field(description="A sentence for the person who wonders.")


def measure(trial: Trial, sample: Split) -> Measurement:
    """Measure the lists that a trial gives the users of a sample, whose held-out ratings it has not seen.

    Those of a sample of today are later in each user's order than what the trial of an older model was fitted on.
    """
    return Measurement.of(rank(trial, sample).lists, sample, trial.card)


def judge(new: Measurement, live: Measurement) -> Verdict:
    """Pass a model that is not worse than the live one, in its lists and in its probabilities.

    Raises ValueError for measurements of different users.
    """
    if new.ndcg_at_10.shape != live.ndcg_at_10.shape:
        raise ValueError("The models were not measured on the same users.")
    low, high = bootstrap_interval(new.ndcg_at_10 - live.ndcg_at_10)
    comparison = (
        f"On the same held-out ratings NDCG@10 is {new.ndcg_at_10.mean():.4f}, that of the live version "
        f"{live.ndcg_at_10.mean():.4f} (difference {low:+.4f} to {high:+.4f})"
    )
    if high < 0:
        return Verdict(accepted=False, reason=f"{comparison}: the lists are worse.")
    for complaint in _complaints(new.card, live.card):
        return Verdict(accepted=False, reason=complaint)
    return Verdict(accepted=True, reason=f"{comparison}: it is not worse.")


def _complaints(new: ModelCard, live: ModelCard) -> Iterator[str]:
    """Compare what was measured when each was trained."""
    was, now = live.metrics, new.metrics
    # On damaged ratings the live model does no better than the new one: only its past tells that they are.
    is_alike = _is_alike(new, live)
    if is_alike and now.ndcg_at_10_high < was.ndcg_at_10_low:
        yield (
            f"NDCG@10 has fallen from {was.ndcg_at_10:.4f} (at least {was.ndcg_at_10_low:.4f}) to "
            f"{now.ndcg_at_10:.4f} (at most {now.ndcg_at_10_high:.4f}) on about as many ratings: are they damaged?"
        )
    if is_alike and now.auc < was.auc - AUC_BOUND:
        yield f"AUC has fallen from {was.auc:.4f} to {now.auc:.4f} on about as many ratings: are they damaged?"
    bound = max(was.ece, now.ece_floor + ECE_BOUND)
    if now.ece > bound:
        yield f"The calibration error is {now.ece:.4f}, more than {bound:.4f}: the probabilities are not true."


def _is_alike(new: ModelCard, live: ModelCard) -> bool:
    """Say whether two models are of the same movies and about as many ratings."""
    growth = new.data.ratings / live.data.ratings
    return new.data.movies == live.data.movies and 1 / ABOUT_AS_MANY < growth < ABOUT_AS_MANY
