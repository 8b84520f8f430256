"""The second stage of the ranking: an additive model that puts the first movies of a list into another order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, FiniteFloat, model_validator

from server.recommender.data.record import Record

N_KNOTS = 5
PENALTY = 4.0
MAX_STEPS = 30

MIN_LISTS = 300
"""The second stage needs at least this number of lists of each kind: with 132 of one kind it lost quality."""

FOLDS = 5
"""The gain is measured by cross-validation over this many groups of lists."""

CLEAR_STANDARD_ERRORS = 2.0
"""The gains of all kinds together must exceed their standard error by this factor."""


class Reranker(Record):
    """A sum of piecewise-linear functions, one of each feature."""

    knots: tuple[tuple[FiniteFloat, ...], ...] = Field(
        description="The values of each feature at the knots, ascending."
    )
    rises: tuple[tuple[FiniteFloat, ...], ...] = Field(description="The rise of each function from knot to knot.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.knots) != len(self.rises):
            raise ValueError("there must be a function of each feature")
        for knots, rises in zip(self.knots, self.rises, strict=True):
            if len(knots) != len(rises) + 1 or any(left >= right for left, right in pairwise(knots)):
                raise ValueError("the knots of a function must ascend, and there must be a rise between any two")
        return self

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sum for each row of features."""
        of_segment, starts, widths, slopes = self._segments
        covered = features.T.take(of_segment, axis=0) - starts
        np.maximum(covered, 0, out=covered)
        np.minimum(covered, widths, out=covered)
        total: NDArray[np.float64] = slopes @ covered
        return total

    @cached_property
    def _segments(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the feature, start, width and slope of each segment between two knots."""
        of_segment = np.repeat(np.arange(len(self.rises)), [len(rises) for rises in self.rises])
        starts = np.concatenate([knots[:-1] for knots in self.knots])[:, None]
        widths = np.concatenate([np.diff(knots) for knots in self.knots])[:, None]
        return of_segment, starts, widths, np.concatenate(self.rises) / widths[:, 0]


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Lists of candidates with held-out positive ratings, of users of one kind."""

    features: NDArray[np.float32]
    """Lists by candidates by features."""
    relevant: NDArray[np.bool_]
    """Lists by candidates: whether the held-out rating is positive."""

    def __len__(self) -> int:
        return len(self.features)

    def select(self, lists: NDArray[np.bool_]) -> Self:
        """Return the chosen lists."""
        return type(self)(self.features[lists], self.relevant[lists])

    def gains(self, reranker: Reranker) -> NDArray[np.float64]:
        """Return the difference in NDCG@10 of each list that the second stage makes."""
        flat = self.features.reshape(-1, self.features.shape[2])
        order = np.argsort(-reranker.scores(flat).reshape(self.relevant.shape), axis=1, kind="stable")[:, :10]
        after, before = np.take_along_axis(self.relevant, order, axis=1), self.relevant[:, :10]
        discounts = 1 / np.log2(np.arange(2, 2 + before.shape[1]))
        ideal = np.cumsum(discounts)[np.minimum(self.relevant.sum(axis=1), discounts.size) - 1]
        gains: NDArray[np.float64] = (after.astype(float) - before) @ discounts / ideal
        return gains


def learn_reranker(kinds: Sequence[RankedLists]) -> Reranker | None:
    """Learn from lists of all kinds of users together; None unless the lists of each kind get better.

    A list has the weight of its number of positive ratings to the power of -1/2. On lists that the model was not
    learned from, each kind must gain, and the sum of their mean gains must be clear of chance. A test of each kind
    alone would depend on the seed: the lists of one kind are few.
    """
    if any(len(lists) < MIN_LISTS for lists in kinds):
        return None
    gains: list[list[NDArray[np.float64]]] = [[] for _ in kinds]
    for fold in range(FOLDS):
        is_held_out = [np.arange(len(lists)) % FOLDS == fold for lists in kinds]
        learned = _fit([lists.select(~held) for lists, held in zip(kinds, is_held_out, strict=True)])
        for own, lists, held in zip(gains, kinds, is_held_out, strict=True):
            own.append(lists.select(held).gains(learned))
    return _fit(kinds) if _are_clear([np.concatenate(own) for own in gains]) else None


def _are_clear(gains: list[NDArray[np.float64]]) -> bool:
    means = np.array([own.mean() for own in gains])
    variance = sum(own.var() / own.size for own in gains)
    return bool(means.min() > 0 and means.sum() > CLEAR_STANDARD_ERRORS * np.sqrt(variance))


def _fit(kinds: Sequence[RankedLists]) -> Reranker:
    """Maximize the likelihood of the positive ratings under a softmax over each list, with a Gaussian prior.

    The listwise loss of ListNet: Cao et al., Learning to rank: from pairwise approach to listwise approach (ICML 2007).
    """
    from scipy.optimize import minimize  # noqa: PLC0415 (slow to import; serving never fits)

    features = np.concatenate([lists.features for lists in kinds])
    relevant = np.concatenate([lists.relevant for lists in kinds]).astype(np.float32)
    counts = relevant.sum(axis=1)
    list_weights = 1 / np.sqrt(counts)
    knots = _choose_knots(features)
    inputs = np.concatenate([_cover(features[..., place], own) for place, own in enumerate(knots)], axis=2)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = inputs @ weights.astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        totals = shares.sum(axis=1)
        losses = list_weights * (counts * np.log(totals) - (relevant * scores).sum(axis=1))
        errors = list_weights[:, None] * ((counts / totals)[:, None] * shares - relevant)
        gradient = np.tensordot(errors, inputs, 2).astype(np.float64) + PENALTY * weights
        return float(losses.sum() + PENALTY / 2 * weights @ weights), gradient

    start = np.zeros(inputs.shape[2])
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MAX_STEPS}).x
    ends = np.cumsum([own.size - 1 for own in knots])
    rises = np.split(weights, ends[:-1])
    return Reranker(
        knots=tuple(tuple(own.tolist()) for own in knots), rises=tuple(tuple(own.tolist()) for own in rises)
    )


def _choose_knots(features: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """Return quantiles of each feature; a constant one has a single knot, and therefore no influence."""
    flat = features.reshape(-1, features.shape[2]).astype(np.float64)
    return [np.unique(np.quantile(column, np.linspace(0, 1, N_KNOTS))) for column in flat.T]


def _cover(values: NDArray[np.float32], knots: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the part of each segment between knots that is below each value, 0 to 1."""
    covered = (values[..., None] - knots[:-1].astype(np.float32)) / np.diff(knots).astype(np.float32)
    clipped: NDArray[np.float32] = np.clip(covered, 0, 1)
    return clipped
