"""Comparison of a new model with the live one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.data.lists import list_qualities
from server.recommender.data.record import Record
from server.recommender.data.splits import Split
from server.recommender.evaluation.card import ModelCard
from server.recommender.evaluation.ranking_metrics import Scorer, bootstrap_interval, rank_lists

ECE_BOUND = 0.025
"""A calibration error may exceed the error of chance by this much."""

AUC_BOUND = 0.05
"""AUC may fall by this much below the live model's; a larger fall is not chance."""

COLD_START_BOUND = 0.02
"""NDCG@10 for new users, a mean over numbers of ratings, may be this much below that of popularity."""

SIMILAR_FACTOR = 1.25
"""Metrics are comparable between models whose numbers of ratings differ by at most this factor."""


SIMILAR_DATA = "on a similar number of ratings. Check the ratings for damage."


class MeasuredScorer(Scorer, Protocol):
    """A scorer with the card of its training."""

    @property
    def card(self) -> ModelCard: ...  # noqa: D102 (as ``HoldoutModel.card``)


@dataclass(frozen=True, eq=False)
class Measurement:
    """The quality of a model on held-out ratings; comparable with others on the same ratings."""

    ndcg_at_10: NDArray[np.float64]
    """Of each user with a relevant movie, in the order of the users."""
    card: ModelCard
    """The metrics of the training, on the held-out ratings of that time."""

    @classmethod
    def of(cls, lists: NDArray[np.int64], sample: Split, card: ModelCard) -> Self:
        """Return the quality of lists for the users of a sample."""
        return cls(list_qualities(lists, sample).ndcg_at_10, card)


class Verdict(Record):
    """The decision whether a new model may go live, with its reason."""

    accepted: bool
    reason: str = Field(description="One sentence with the numbers.")


def measure(holdout_model: MeasuredScorer, sample: Split) -> Measurement:
    """Return the quality of the lists of a holdout model for a sample whose held-out ratings it has not seen.

    The held-out ratings of a later sample are newer, user by user, than those that an older holdout model has seen.
    """
    return Measurement.of(rank_lists(holdout_model, sample), sample, holdout_model.card)


def judge(new: Measurement, live: Measurement) -> Verdict:
    """Accept a model whose lists and probabilities are not worse than those of the live one.

    Raise `ValueError` for measurements of different users.
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
    for objection in _objections(new.card, live.card):
        return Verdict(accepted=False, reason=objection)
    return Verdict(accepted=True, reason=f"{comparison}: it is not worse.")


def _objections(new: ModelCard, live: ModelCard) -> Iterator[str]:
    """Yield the reasons against a model from the metrics of both trainings."""
    before, now = live.metrics, new.metrics
    if before is None or now is None:
        return
    # On damaged ratings both models do equally badly, so only the metrics of the live training reveal the damage.
    is_comparable = _is_comparable(new, live)
    if is_comparable and now.ndcg_at_10_high < before.ndcg_at_10_low:
        yield (
            f"NDCG@10 has fallen from {before.ndcg_at_10:.4f} (at least {before.ndcg_at_10_low:.4f}) to "
            f"{now.ndcg_at_10:.4f} (at most {now.ndcg_at_10_high:.4f}) {SIMILAR_DATA}"
        )
    if is_comparable and now.auc < before.auc - AUC_BOUND:
        yield f"AUC has fallen from {before.auc:.4f} to {now.auc:.4f} {SIMILAR_DATA}"
    if (
        is_comparable
        and min(now.session_users, before.session_users)
        and (now.session_ndcg_at_10_high < before.session_ndcg_at_10_low)
    ):
        yield (
            f"NDCG@10 of the next session has fallen from {before.session_ndcg_at_10:.4f} (at least "
            f"{before.session_ndcg_at_10_low:.4f}) to {now.session_ndcg_at_10:.4f} (at most "
            f"{now.session_ndcg_at_10_high:.4f}): the lists for returning users are worse."
        )
    if _mean_gain(new) < min(_mean_gain(live), 0) - COLD_START_BOUND:
        yield (
            f"NDCG@10 for new users is {-_mean_gain(new):.4f} below that of the most popular movies: "
            "the lists for new users are worse."
        )
    bound = max(before.ece, now.ece_floor + ECE_BOUND)
    if now.ece > bound:
        yield f"The calibration error is {now.ece:.4f}, more than {bound:.4f}: the probabilities are not calibrated."


def _mean_gain(card: ModelCard) -> float:
    """Return how much the lists for new users are better than the most popular movies."""
    gains = [group.ndcg_at_10 - group.popularity_ndcg_at_10 for group in card.cold_start]
    return sum(gains) / len(gains) if gains else 0.0


def _is_comparable(new: ModelCard, live: ModelCard) -> bool:
    """Return whether two models have the same movies and a similar number of ratings."""
    growth = new.data.ratings / live.data.ratings
    return new.data.movies == live.data.movies and 1 / SIMILAR_FACTOR < growth < SIMILAR_FACTOR
