"""How good lists are: rank all that a user had not rated, and see where what he went on to like comes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.algorithms.base import Record
from server.recommender.calibration import Pairs, RatedPairs
from server.recommender.data.interactions import Interactions
from server.recommender.data.splits import Split
from server.recommender.evaluation.ranking import count_higher, top_items

SCORES_AT_ONCE = 4_000_000
"""How many scores (users times items) an evaluation holds in memory."""

RESAMPLES = 500
"""How often users are drawn anew to see how far a mean depends on who they are."""

ACTIVITY_FROM = (0, 20, 50, 200)
"""Fewest known ratings of the users in each bucket."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """What an algorithm makes of a split: a list for each user, and scores and ranks of what was held out."""

    lists: NDArray[np.int64]
    """Users by up to 20 items, best first."""
    pairs: RatedPairs


@dataclass(frozen=True, eq=False)
class ListQualities:
    """The quality of each list of a user with a relevant movie, in columns."""

    users: NDArray[np.int64]
    ndcg_at_10: NDArray[np.float64]
    recall_at_20: NDArray[np.float64]
    hit_at_10: NDArray[np.bool_]


class RankingMetrics(Record):
    """Quality of lists of all movies a user had not rated; those he went on to like are the relevant ones."""

    evaluated_users: int = Field(description="Users with a relevant movie: all but coverage are means over them.")
    ndcg_at_10: float = Field(description="Discounted gain of the first 10, as a share of the best list's.")
    ndcg_at_10_low: float = Field(description="Lower end of its 95 % confidence interval, over users (bootstrap).")
    ndcg_at_10_high: float = Field(description="Upper end of the interval.")
    recall_at_20: float = Field(description="Relevant movies among the first 20, as a share of those that fit there.")
    hit_rate_at_10: float = Field(description="Share of users with a relevant movie among the first 10.")
    coverage: float = Field(description="Share of the catalogue that is among the first 10 of any user.")
    novelty: float = Field(description="Mean of -log2 of the share of users who rated a movie of the first 10.")


class ActivityBucket(Record):
    """The quality of lists for users who have rated about as much."""

    ratings_from: int = Field(description="Fewest known ratings of a user of this bucket; the next begins above.")
    users: int
    ndcg_at_10: float
    recall_at_20: float
    hit_rate_at_10: float


class Scorer(Protocol):
    """What can be ranked by: an algorithm, or anything else that scores items for histories as one does."""

    def score(self, histories: Interactions) -> NDArray[np.float64]: ...  # noqa: D102 (as ``Algorithm.score``)


def rank(scorer: Scorer, split: Split) -> Ranked:
    """Rank the movies for all users of a split. Holds the scores of one batch of users at a time."""
    known, held_out = split.known, split.held_out
    n_batches = -(-known.n_users * known.n_items // SCORES_AT_ONCE)
    batches = [
        _rank_batch(scorer, split.select_users(users)) for users in np.array_split(np.arange(known.n_users), n_batches)
    ]
    lists, scores, ranks = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    pairs = Pairs.of(known, held_out.users, scores, ranks)
    return Ranked(lists, RatedPairs(**vars(pairs), users=held_out.users, liked=held_out.liked))


def _rank_batch(scorer: Scorer, split: Split) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the first 20 items a user has not rated, users by 20; and held-out ratings' scores and ranks."""
    known, held_out = split.known, split.held_out
    scores = scorer.score(known)
    scores[known.users, known.items] = -np.inf
    held_out_scores = scores[held_out.users, held_out.items]
    by_user = np.split(held_out_scores, held_out.offsets[1:-1])
    ranks = np.concatenate([count_higher(own, row) for own, row in zip(by_user, scores, strict=True)])
    return np.array([top_items(row, 20) for row in scores]), held_out_scores, ranks


def list_qualities(lists: NDArray[np.int64], split: Split) -> ListQualities:
    """Compare lists, users by up to 20 items, with what the users liked of the held-out ratings."""
    n_items = split.known.n_items
    relevant = split.held_out.select_ratings(split.held_out.liked)
    evaluated = np.flatnonzero(relevant.rating_counts)
    counts = relevant.rating_counts[evaluated]
    hits = np.isin(evaluated[:, None] * n_items + lists[evaluated], relevant.users * n_items + relevant.items)
    discounts = 1 / np.log2(np.arange(2, 12))
    gains = hits[:, :10] @ discounts[: lists.shape[1]]
    return ListQualities(
        users=evaluated,
        ndcg_at_10=gains / np.cumsum(discounts)[np.minimum(counts, 10) - 1],
        recall_at_20=hits.sum(axis=1) / np.minimum(counts, 20),
        hit_at_10=np.any(hits[:, :10], axis=1),
    )


def ranking_metrics(lists: NDArray[np.int64], split: Split) -> RankingMetrics:
    """Sum up the quality of lists of users at least one of whom has a relevant movie."""
    qualities = list_qualities(lists, split)
    low, high = bootstrap_interval(qualities.ndcg_at_10)
    n_items = split.known.n_items
    listed = np.arange(len(lists))[:, None] * n_items + lists[:, :10]
    # Only a user who has rated nearly the whole catalogue gets a movie he has rated into his first 10.
    is_unseen = np.isin(listed, split.known.users * n_items + split.known.items, invert=True)
    return RankingMetrics(
        evaluated_users=qualities.users.size,
        ndcg_at_10=float(qualities.ndcg_at_10.mean()),
        ndcg_at_10_low=low,
        ndcg_at_10_high=high,
        recall_at_20=float(qualities.recall_at_20.mean()),
        hit_rate_at_10=float(qualities.hit_at_10.mean()),
        coverage=np.unique(lists[:, :10][is_unseen]).size / n_items,
        novelty=_novelty(lists[qualities.users, :10], split),
    )


def activity_buckets(lists: NDArray[np.int64], split: Split) -> tuple[ActivityBucket, ...]:
    """Sum up the quality of lists by how much the users have rated; empty buckets are left out."""
    qualities = list_qualities(lists, split)
    bucket = np.searchsorted(ACTIVITY_FROM, split.known.rating_counts[qualities.users], side="right") - 1
    return tuple(
        ActivityBucket(
            ratings_from=ACTIVITY_FROM[number],
            users=int(np.sum(bucket == number)),
            ndcg_at_10=float(qualities.ndcg_at_10[bucket == number].mean()),
            recall_at_20=float(qualities.recall_at_20[bucket == number].mean()),
            hit_rate_at_10=float(qualities.hit_at_10[bucket == number].mean()),
        )
        for number in np.unique(bucket).tolist()
    )


def bootstrap_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % confidence interval of a mean over users (Efron 1979); seeded, and exact in nothing else."""
    random = np.random.default_rng(0)
    means = [values[random.integers(values.size, size=values.size)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _novelty(lists: NDArray[np.int64], split: Split) -> float:
    """Return the mean surprise; a movie that nobody has rated surprises like one with a single rating."""
    counts = np.maximum(np.bincount(split.known.items, minlength=split.known.n_items), 1)
    return float(-np.log2(counts[lists] / split.known.n_users).mean())
