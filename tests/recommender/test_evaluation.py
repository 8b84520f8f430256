from math import log2

import numpy as np
import pytest
from numpy.typing import NDArray

from server.recommender.evaluation import RankingMetrics, Split, evaluate, ranking_metrics, temporal_split
from server.recommender.interactions import Interactions, Ratings
from server.recommender.nmf import NMF, NMFConfig
from server.recommender.popularity import Popularity, PopularityConfig
from tests.recommender.generated import CATALOGUE, ratings_of, shuffled, taste_ratings

TWENTY = np.arange(1, 21)


def index(rows: list[tuple[int, int, float, int]], catalogue: NDArray[np.int64] = TWENTY) -> Interactions:
    return Interactions.from_ratings(ratings_of(rows), catalogue)


def held_out_movies(split: Split) -> list[list[int]]:
    held_out = split.held_out
    return [held_out.movie_ids[items].tolist() for items in np.split(held_out.items, held_out.offsets[1:-1])]


def test_the_latest_fifth_is_held_out_rounded_down() -> None:
    by_count = [
        (user, movie, 3.0, 100 - movie)
        for user, count in ((1, 4), (2, 5), (3, 9), (4, 10))
        for movie in range(1, count + 1)
    ]

    split = temporal_split(index(by_count), seed=0)

    assert held_out_movies(split) == [[], [1], [1], [1, 2]]
    assert split.known.rating_counts.tolist() == [4, 4, 8, 8]


def test_ties_in_time_are_broken_by_the_seed_and_not_by_the_order_of_the_rows() -> None:
    ratings = ratings_of([(user, movie, 3.0, 7) for user in range(1, 9) for movie in range(1, 21)])
    one, other = (Interactions.from_ratings(shuffled(ratings, seed=order), TWENTY) for order in (1, 2))

    first, second, reseeded = (
        held_out_movies(temporal_split(interactions, seed=seed))
        for interactions, seed in ((one, 5), (other, 5), (one, 6))
    )

    assert first == second
    assert first != reseeded


def test_known_and_held_out_are_all_there_is() -> None:
    interactions = Interactions.from_ratings(taste_ratings(), CATALOGUE)

    split = temporal_split(interactions, seed=0)

    parts = (split.known, split.held_out)
    pairs = [
        (user, item) for part in parts for user, item in zip(part.users.tolist(), part.items.tolist(), strict=True)
    ]
    assert sorted(pairs) == list(zip(interactions.users.tolist(), interactions.items.tolist(), strict=True))


def test_what_is_held_out_does_not_reach_the_fit() -> None:
    honest = taste_ratings()
    is_held_out = honest.rated_at >= 20
    poisoned = Ratings(
        honest.user_ids, honest.movie_ids, np.where(is_held_out, 5.5 - honest.ratings, honest.ratings), honest.rated_at
    )

    one, other = (
        NMF.fit(temporal_split(Interactions.from_ratings(ratings, CATALOGUE), seed=0).known, NMFConfig(), seed=0)
        for ratings in (honest, poisoned)
    )

    assert np.array_equal(one.item_factors, other.item_factors)
    assert np.array_equal(one.like_shares, other.like_shares)


def test_of_very_many_users_a_seeded_sample_is_evaluated() -> None:
    users = np.repeat(np.arange(1, 10_101), 5)
    ratings = Ratings(
        users, np.tile(np.arange(1, 6), 10_100), np.full(users.size, 4, np.float32), np.zeros(users.size, np.int64)
    )
    split = temporal_split(Interactions.from_ratings(ratings, TWENTY), seed=0)

    one, same, other = (split.evaluated_users(seed=seed).tolist() for seed in (1, 1, 2))

    assert len(set(one)) == 10_000
    assert one == same == sorted(one)
    assert one != other


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
            hit_rate_at_10=1 / 2,
            coverage=11 / 20,
        ).model_dump()
    )


def test_more_likes_than_places_can_still_be_ranked_perfectly() -> None:
    catalogue = np.arange(1, 41)
    known = index([(1, 40, 5.0, 0)], catalogue)
    held_out = index([(1, movie, 5.0, movie) for movie in range(1, 31)], catalogue)

    metrics = ranking_metrics(np.arange(20)[None, :], Split(known, held_out))

    assert [metrics.ndcg_at_10, metrics.recall_at_20] == pytest.approx([1, 1])


def test_what_a_user_has_rated_is_not_ranked_again() -> None:
    # Everyone likes movies 1 to 4, so they are the most popular; what remains to be ranked is 5 and 6.
    rows = [(user, movie, 5.0, movie) for user in range(1, 11) for movie in (1, 2, 3, 4, 5 + user % 2)]
    split = temporal_split(index(rows, np.arange(1, 7)), seed=0)

    metrics, pairs = evaluate(Popularity.fit(split.known, PopularityConfig(), seed=0), split)

    assert metrics.ndcg_at_10 == pytest.approx((1 + 1 / log2(3)) / 2)
    assert metrics.coverage == 2 / 6
    assert pairs.ranks.tolist() == [0] * 10
    assert pairs.user_likes.tolist() == pairs.user_ratings.tolist() == [4] * 10


def test_a_catalogue_too_large_for_one_batch_changes_the_coverage_only() -> None:
    small, large = (
        temporal_split(Interactions.from_ratings(taste_ratings(), np.arange(1, size + 1)), seed=0)
        for size in (200, 40_000)
    )

    (one, pairs), (other, more_pairs) = (
        evaluate(Popularity.fit(split.known, PopularityConfig(), seed=0), split) for split in (small, large)
    )

    assert one.model_dump(exclude={"coverage"}) == other.model_dump(exclude={"coverage"})
    assert one.coverage * 200 == pytest.approx(other.coverage * 40_000)
    assert {name: column.tolist() for name, column in vars(pairs).items()} == {
        name: column.tolist() for name, column in vars(more_pairs).items()
    }
