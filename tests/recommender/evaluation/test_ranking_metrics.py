from math import log2

import numpy as np
import pytest
from numpy.typing import NDArray

from server.recommender.algorithms.popularity import Popularity, PopularityConfig
from server.recommender.data.holdouts import first_ratings
from server.recommender.data.interactions import Interactions
from server.recommender.data.splits import Split, temporal_split
from server.recommender.evaluation.ranking_metrics import (
    ActivityGroup,
    RankingMetrics,
    activity_groups,
    bootstrap_interval,
    rank,
    rank_lists,
    rank_same,
    rank_strangers,
    ranking_metrics,
)
from tests.support.generated_tastes import ratings_of, taste_ratings

TWENTY = np.arange(1, 21)


def index(rows: list[tuple[int, int, float, int]], catalogue: NDArray[np.int64] = TWENTY) -> Interactions:
    return Interactions.from_ratings(ratings_of(rows), catalogue)


def test_ranking_metrics_are_those_worked_out_by_hand() -> None:
    # User 1 likes movies 3, 4 and 9 later; user 2 dislikes movie 5 later and is left out; user 3 likes movie 20.
    known = index([(user, 1, 5.0, 0) for user in (1, 2, 3)])
    held_out = index([(1, 3, 5.0, 1), (1, 4, 4.0, 2), (1, 9, 4.5, 3), (1, 6, 3.5, 3), (2, 5, 1.0, 1), (3, 20, 4.0, 1)])
    movies = np.array([
        [3, 6, 4, *range(10, 20), 2, 5, 7, 8, 9, 20, 1],
        [5, 6, 4, *range(10, 20), 2, 3, 7, 8, 9, 20, 1],
        [3, 6, 4, *range(10, 20), 2, 5, 7, 8, 9, 20, 1],
    ])

    metrics = ranking_metrics(movies - 1, Split(known, held_out))

    perfect = 1 + 1 / log2(3) + 1 / log2(4)
    assert metrics.model_dump() == pytest.approx(
        RankingMetrics(
            evaluated_users=2,
            ndcg_at_10=((1 + 1 / log2(4)) / perfect + 0) / 2,
            recall_at_20=(3 / 3 + 1 / 1) / 2,
            ndcg_at_10_low=0,
            ndcg_at_10_high=(1 + 1 / log2(4)) / perfect,
            hit_rate_at_10=1 / 2,
            coverage=11 / 20,
            # All have rated movie 1, which is not in the first 10; everything else counts as rated by one of three.
            novelty=log2(3),
        ).model_dump()
    )


def test_more_likes_than_places_can_still_be_ranked_perfectly() -> None:
    catalogue = np.arange(1, 41)
    known = index([(1, 40, 5.0, 0)], catalogue)
    held_out = index([(1, movie, 5.0, movie) for movie in range(1, 31)], catalogue)

    metrics = ranking_metrics(np.arange(20)[None, :], Split(known, held_out))

    assert [metrics.ndcg_at_10, metrics.recall_at_20] == pytest.approx([1, 1])


def test_rated_movies_are_not_ranked() -> None:
    # Everyone likes movies 1 to 4, so they are the most popular; what remains to be ranked is 5 and 6.
    rows = [(user, movie, 5.0, movie) for user in range(1, 11) for movie in (1, 2, 3, 4, 5 + user % 2)]
    split = temporal_split(index(rows, np.arange(1, 7)), seed=0)

    ranked = rank(Popularity.fit(split.known, PopularityConfig(), seed=0), split)

    metrics, pairs = ranking_metrics(ranked.lists, split), ranked.pairs
    assert metrics.ndcg_at_10 == pytest.approx((1 + 1 / log2(3)) / 2)
    assert metrics.coverage == 2 / 6
    assert pairs.ranks.tolist() == [0] * 10
    assert pairs.user_likes.tolist() == pairs.user_ratings.tolist() == [4] * 10


def test_lists_alone_are_those_of_the_ranking() -> None:
    split = temporal_split(Interactions.from_ratings(taste_ratings(), np.arange(1, 201)), seed=0)
    popularity = Popularity.fit(split.known, PopularityConfig(), seed=0)

    lists = rank(popularity, split).lists.tolist()

    assert rank_lists(popularity, split).tolist() == lists
    assert rank_same(popularity.popularity, split.known).tolist() == lists


def test_strangers_are_ranked_at_once_as_one_by_one() -> None:
    interactions = Interactions.from_ratings(taste_ratings(), np.arange(1, 201))
    split = first_ratings(interactions, 0)
    popularity = Popularity.fit(interactions, PopularityConfig(), seed=0)

    at_once, one_by_one = rank_strangers(popularity, split), rank(popularity, split)

    assert at_once.lists.tolist() == one_by_one.lists.tolist()
    for name, column in vars(one_by_one.pairs).items():
        np.testing.assert_array_equal(getattr(at_once.pairs, name), column)


def test_a_catalogue_too_large_for_one_batch_changes_the_coverage_only() -> None:
    small, large = (
        temporal_split(Interactions.from_ratings(taste_ratings(), np.arange(1, size + 1)), seed=0)
        for size in (200, 40_000)
    )

    ranked, more = (rank(Popularity.fit(split.known, PopularityConfig(), seed=0), split) for split in (small, large))

    one, other = ranking_metrics(ranked.lists, small), ranking_metrics(more.lists, large)
    assert one.model_dump(exclude={"coverage"}) == other.model_dump(exclude={"coverage"})
    assert one.coverage * 200 == pytest.approx(other.coverage * 40_000)
    assert {name: column.tolist() for name, column in vars(ranked.pairs).items()} == {
        name: column.tolist() for name, column in vars(more.pairs).items()
    }


def test_users_are_bucketed_by_their_number_of_known_ratings() -> None:
    catalogue = np.arange(1, 61)
    rows = [(1, movie, 5.0, 0) for movie in range(1, 20)] + [(2, movie, 5.0, 0) for movie in range(1, 21)]
    split = Split(index(rows, catalogue), index([(1, 50, 5.0, 1), (2, 51, 5.0, 1)], catalogue))

    buckets = activity_groups(np.tile(np.arange(50, 60), (2, 1)), split)

    assert buckets == (
        ActivityGroup(ratings_from=0, users=1, ndcg_at_10=0, recall_at_20=0, hit_rate_at_10=0),
        ActivityGroup(ratings_from=20, users=1, ndcg_at_10=1, recall_at_20=1, hit_rate_at_10=1),
    )


def test_the_bootstrap_interval_is_that_of_the_normal_distribution_for_many_users() -> None:
    values = np.random.default_rng(2).random(2_000)

    low, high = bootstrap_interval(values)

    half = 1.96 * values.std() / np.sqrt(values.size)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)
