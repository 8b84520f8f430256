"""How good lists are: hold out what users rated last, rank all else they had not rated, see what they liked."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from server.recommender.base import Algorithm, Record
from server.recommender.calibration import RatedPairs
from server.recommender.interactions import Interactions
from server.recommender.ranking import count_higher, top_items

HELD_OUT_ONE_IN = 5
"""One rating in so many is held out; a user with fewer is trained on and not evaluated."""

MAX_EVALUATED_USERS = 10_000
"""Of more users than this a sample is evaluated: the standard error of NDCG@10 is about 0.002 then."""

SCORES_AT_ONCE = 4_000_000
"""How many scores (users times items) an evaluation holds in memory."""


@dataclass(frozen=True, eq=False)
class Split:
    """The same users and movies twice: the ratings that are known, and those that are held out."""

    known: Interactions
    held_out: Interactions

    def evaluated_users(self, *, seed: int) -> NDArray[np.int64]:
        """Return the users with held-out ratings, ascending; a random sample of them if they are too many."""
        users = np.random.default_rng(seed).permutation(np.flatnonzero(self.held_out.rating_counts))
        return np.sort(users[:MAX_EVALUATED_USERS])

    def of_users(self, users: NDArray[np.int64]) -> Self:
        """Keep the chosen users, numbered anew in the order given."""
        return type(self)(self.known.of_users(users), self.held_out.of_users(users))


def temporal_split(interactions: Interactions, *, seed: int) -> Split:
    """Hold out the latest fifth, rounded down, of each user's ratings; ties in time are broken at random."""
    users = interactions.users
    ties = np.random.default_rng(seed).random(users.size)
    by_time = np.lexsort((ties, interactions.rated_at, users))
    first_held_out = interactions.offsets[1:] - interactions.rating_counts // HELD_OUT_ONE_IN
    held_out = np.empty(users.size, np.bool_)
    held_out[by_time] = np.arange(users.size) >= first_held_out[users]
    return Split(interactions.of_ratings(~held_out), interactions.of_ratings(held_out))


class RankingMetrics(Record):
    """Quality of lists of all movies a user had not rated; those he went on to like are the relevant ones."""

    evaluated_users: int = Field(description="Users with a relevant movie: all but coverage are means over them.")
    ndcg_at_10: float = Field(description="Discounted gain of the first 10, as a share of the best list's.")
    recall_at_20: float = Field(description="Relevant movies among the first 20, as a share of those that fit there.")
    hit_rate_at_10: float = Field(description="Share of users with a relevant movie among the first 10.")
    coverage: float = Field(description="Share of the catalogue that is among the first 10 of any user.")


def evaluate(algorithm: Algorithm[Any], split: Split) -> tuple[RankingMetrics, RatedPairs]:
    """Measure the lists of all users of a split, at least one of whom likes a held-out movie.

    Also gives the held-out ratings with their scores. Holds the scores of one batch of users at a time.
    """
    known, held_out = split.known, split.held_out
    n_batches = -(-known.n_users * known.n_items // SCORES_AT_ONCE)
    batches = [
        _rank_batch(algorithm, split.of_users(users)) for users in np.array_split(np.arange(known.n_users), n_batches)
    ]
    lists, scores, ranks = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    pairs = RatedPairs(
        scores=scores,
        ranks=ranks,
        user_likes=known.like_counts[held_out.users],
        user_ratings=known.rating_counts[held_out.users],
        users=held_out.users,
        liked=held_out.liked,
    )
    return ranking_metrics(lists, split), pairs


def _rank_batch(
    algorithm: Algorithm[Any], split: Split
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the first 20 items a user has not rated, users by 20; and held-out ratings' scores and ranks."""
    known, held_out = split.known, split.held_out
    scores = algorithm.score(known)
    scores[known.users, known.items] = -np.inf
    held_out_scores = scores[held_out.users, held_out.items]
    by_user = np.split(held_out_scores, held_out.offsets[1:-1])
    ranks = np.concatenate([count_higher(own, row) for own, row in zip(by_user, scores, strict=True)])
    return np.array([top_items(row, 20) for row in scores]), held_out_scores, ranks


def ranking_metrics(lists: NDArray[np.int64], split: Split) -> RankingMetrics:
    """Compare lists, users by up to 20 items, with what the users liked of the held-out ratings."""
    n_items = split.known.n_items
    listed = np.arange(len(lists))[:, None] * n_items + lists
    relevant = split.held_out.of_ratings(split.held_out.liked)
    counts = relevant.rating_counts
    evaluated = counts > 0
    counts = counts[evaluated]
    hits = np.isin(listed, relevant.users * n_items + relevant.items)[evaluated]
    # Only a user who has rated nearly the whole catalogue gets a movie he has rated into his first 10.
    unseen = np.isin(listed, split.known.users * n_items + split.known.items, invert=True)
    discounts = 1 / np.log2(np.arange(2, 12))
    gains = hits[:, :10] @ discounts[: lists.shape[1]]
    return RankingMetrics(
        evaluated_users=counts.size,
        ndcg_at_10=float(np.mean(gains / np.cumsum(discounts)[np.minimum(counts, 10) - 1])),
        recall_at_20=float(np.mean(hits.sum(axis=1) / np.minimum(counts, 20))),
        hit_rate_at_10=float(np.mean(hits[:, :10].any(axis=1))),
        coverage=np.unique(lists[:, :10][unseen[:, :10]]).size / n_items,
    )
