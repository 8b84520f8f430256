"""Ranking metrics: rank all movies that a user had not rated, and find the held-out positive ratings in the list."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.data.interactions import Interactions
from server.recommender.data.lists import count_higher, list_qualities, top_items
from server.recommender.data.pairs import Pairs, RatedPairs
from server.recommender.data.positions import inverse_index
from server.recommender.data.record import Record
from server.recommender.data.splits import Split
from server.recommender.data.threads import in_threads

LIST_LENGTH = 20
"""Number of items in a list: what the metrics look at."""

SCORES_AT_ONCE = 4_000_000
"""Scores (users times items) in memory at a time."""

RESAMPLES = 500
"""Bootstrap resamples of the users."""

ACTIVITY_FROM = (0, 20, 50, 200)
"""Fewest known ratings of the users in each group."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """The result of an algorithm on a split: a list for each user, and scores and ranks of the held-out ratings."""

    lists: NDArray[np.int64]
    """Users by up to 20 items, best first."""
    pairs: RatedPairs


class RankingMetrics(Record):
    """The quality of lists of all movies that a user had not rated; held-out positive ratings are relevant."""

    evaluated_users: int = Field(
        description="Users with a relevant movie; all metrics but coverage are means over them."
    )
    ndcg_at_10: float = Field(description="Discounted cumulative gain of the first 10, as a share of the ideal list's.")
    ndcg_at_10_low: float = Field(description="Lower end of its 95 % confidence interval, over users (bootstrap).")
    ndcg_at_10_high: float = Field(description="Upper end of the interval.")
    recall_at_20: float = Field(
        description="Relevant movies among the first 20, as a share of min(20, relevant movies)."
    )
    hit_rate_at_10: float = Field(description="Share of users with a relevant movie among the first 10.")
    coverage: float = Field(description="Share of the catalogue among the first 10 of any user.")
    novelty: float = Field(
        description="Mean of -log2 of the share of users with a rating, over the movies of the first 10."
    )


class SessionMetrics(Record):
    """Quality of lists for the next session: ratings after a gap of more than 24 hours are held out."""

    session_users: int = Field(description="Users with a relevant movie in the next session; 0: nothing was measured.")
    session_ndcg_at_10: float = Field(description="NDCG@10 for the next session.")
    session_ndcg_at_10_low: float = Field(description="Lower end of its 95 % confidence interval.")
    session_ndcg_at_10_high: float = Field(description="Upper end of the interval.")
    session_recall_at_20: float = Field(description="Recall@20 for the next session.")


class ActivityGroup(Record):
    """The quality of lists for users with a similar number of ratings."""

    ratings_from: int = Field(description="Fewest known ratings of a user of this group.")
    users: int
    ndcg_at_10: float
    recall_at_20: float
    hit_rate_at_10: float


class Scorer(Protocol):
    """Anything that scores items for histories as an algorithm does."""

    def score(self, histories: Interactions) -> NDArray[np.float64]: ...  # noqa: D102 (as ``Algorithm.score``)


def rank(scorer: Scorer, split: Split) -> Ranked:
    """Rank the movies for all users of a split, in batches of users."""
    batches = in_threads([partial(_rank_batch, scorer, batch) for batch in _batches(split)])
    lists, scores, ranks = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return Ranked(lists, _rated_pairs(split, scores, ranks))


def rank_lists(scorer: Scorer, split: Split) -> NDArray[np.int64]:
    """Return the lists of ``rank`` only, in less time: users by up to 20 items."""

    def rank_batch(batch: Split) -> NDArray[np.int64]:
        return _best(_score_unrated(scorer, batch))

    return np.concatenate(in_threads([partial(rank_batch, batch) for batch in _batches(split)]))


def rank_strangers(scorer: Scorer, split: Split) -> Ranked:
    """Do as ``rank`` for users without known ratings, who all have the same scores."""
    known, held_out = split.known, split.held_out
    (scores,) = scorer.score(known.select_users(np.zeros(1, np.int64)))
    own = scores[held_out.items]
    return Ranked(rank_same(scores, known), _rated_pairs(split, own, count_higher(own, scores)))


def rank_same(scores: NDArray[np.float64], known: Interactions) -> NDArray[np.int64]:
    """Return the lists of users who all have the same scores, without the movies that each of them has rated."""
    best = top_items(scores, LIST_LENGTH + known.rating_counts.max(initial=0))
    places = inverse_index(best, scores.size)[known.items]
    is_rated = np.zeros((known.n_users, best.size), np.bool_)
    is_rated[known.users[places >= 0], places[places >= 0]] = True
    return best[np.argsort(is_rated, axis=1, kind="stable")[:, :LIST_LENGTH]]


def _batches(split: Split) -> Iterator[Split]:
    n_users = split.known.n_users
    n_batches = -(-n_users * split.known.n_items // SCORES_AT_ONCE)
    return (split.select_users(users) for users in np.array_split(np.arange(n_users), n_batches))


def _rank_batch(scorer: Scorer, split: Split) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the first 20 unrated items of each user, and scores and ranks of the held-out ratings."""
    held_out, scores = split.held_out, _score_unrated(scorer, split)
    held_out_scores = scores[held_out.users, held_out.items]
    by_user = np.split(held_out_scores, held_out.offsets[1:-1])
    ranks = np.concatenate([count_higher(own, row) for own, row in zip(by_user, scores, strict=True)])
    return _best(scores), held_out_scores, ranks


def _score_unrated(scorer: Scorer, split: Split) -> NDArray[np.float64]:
    """Return the scores, minus infinity for known ratings."""
    scores = scorer.score(split.known)
    scores[split.known.users, split.known.items] = -np.inf
    return scores


def _best(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.array([top_items(row, LIST_LENGTH) for row in scores])


def _rated_pairs(split: Split, scores: NDArray[np.float64], ranks: NDArray[np.int64]) -> RatedPairs:
    users = split.held_out.users
    return RatedPairs.of_outcomes(Pairs.of(split.known, users, scores, ranks), users, split.held_out.liked)


def ranking_metrics(lists: NDArray[np.int64], split: Split) -> RankingMetrics:
    """Return the quality of lists of users, at least one of whom has a relevant movie."""
    qualities = list_qualities(lists, split)
    low, high = bootstrap_interval(qualities.ndcg_at_10)
    n_items = split.known.n_items
    listed = np.arange(len(lists))[:, None] * n_items + lists[:, :10]
    # Rated movies are only listed for users who have rated nearly the whole catalogue.
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


def session_metrics(scorer: Scorer, split: Split) -> SessionMetrics:
    """Rank the movies for the users of a session split, and return the quality of the lists."""
    n_users = np.count_nonzero(split.held_out.like_counts)
    if not n_users:
        return SessionMetrics(
            session_users=0,
            session_ndcg_at_10=0.0,
            session_ndcg_at_10_low=0.0,
            session_ndcg_at_10_high=0.0,
            session_recall_at_20=0.0,
        )
    qualities = list_qualities(rank_lists(scorer, split), split)
    low, high = bootstrap_interval(qualities.ndcg_at_10)
    return SessionMetrics(
        session_users=n_users,
        session_ndcg_at_10=float(qualities.ndcg_at_10.mean()),
        session_ndcg_at_10_low=low,
        session_ndcg_at_10_high=high,
        session_recall_at_20=float(qualities.recall_at_20.mean()),
    )


def activity_groups(lists: NDArray[np.int64], split: Split) -> tuple[ActivityGroup, ...]:
    """Return the quality of lists by the users' number of ratings, without empty groups."""
    qualities = list_qualities(lists, split)
    group = np.searchsorted(ACTIVITY_FROM, split.known.rating_counts[qualities.users], side="right") - 1
    return tuple(
        ActivityGroup(
            ratings_from=ACTIVITY_FROM[number],
            users=int(np.sum(group == number)),
            ndcg_at_10=float(qualities.ndcg_at_10[group == number].mean()),
            recall_at_20=float(qualities.recall_at_20[group == number].mean()),
            hit_rate_at_10=float(qualities.hit_at_10[group == number].mean()),
        )
        for number in np.unique(group).tolist()
    )


def bootstrap_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the bootstrap 95 % confidence interval of a mean over users (Efron 1979); seeded."""
    random = np.random.default_rng(0)
    means = [values[random.integers(values.size, size=values.size)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _novelty(lists: NDArray[np.int64], split: Split) -> float:
    """Return the mean surprise; a movie without ratings counts like one with a single rating."""
    counts = np.maximum(np.bincount(split.known.items, minlength=split.known.n_items), 1)
    return float(-np.log2(counts[lists] / split.known.n_users).mean())
