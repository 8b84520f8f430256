import numpy as np
import pytest

from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import Ratings
from server.recommender.data.splits import (
    SPLITS,
    Split,
    global_time_split,
    random_split,
    sample_size,
    session_split,
    temporal_split,
)
from tests.support.generated_tastes import CATALOGUE, ratings_of, shuffled, taste_ratings
from tests.support.tables import for_each

TWENTY = np.arange(1, 21)


def index(rows: list[tuple[int, int, float, int]]) -> Interactions:
    return Interactions.from_ratings(ratings_of(rows), TWENTY)


def held_out_movies(split: Split) -> list[list[int]]:
    held_out = split.held_out
    return [sorted(held_out.movie_ids[items].tolist()) for items in np.split(held_out.items, held_out.offsets[1:-1])]


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


@for_each("name", ["temporal", "random"])
def test_known_and_held_out_ratings_together_are_all_ratings(name: str) -> None:
    interactions = Interactions.from_ratings(taste_ratings(), CATALOGUE)

    split = SPLITS[name](interactions, seed=0)

    parts = (split.known, split.held_out)
    pairs = [
        (user, item) for part in parts for user, item in zip(part.users.tolist(), part.items.tolist(), strict=True)
    ]
    assert sorted(pairs) == sorted(zip(interactions.users.tolist(), interactions.items.tolist(), strict=True))


@for_each("name", sorted(SPLITS))
def test_of_no_ratings_nothing_is_held_out(name: str) -> None:
    split = SPLITS[name](index([]), seed=0)

    assert (split.known.items.size, split.held_out.items.size) == (0, 0)


def test_of_very_many_users_a_seeded_sample_is_evaluated() -> None:
    users = np.repeat(np.arange(1, 10_101), 5)
    ratings = Ratings(
        users, np.tile(np.arange(1, 6), 10_100), np.full(users.size, 4, np.float32), np.zeros(users.size, np.int64)
    )
    split = temporal_split(Interactions.from_ratings(ratings, TWENTY), seed=0)

    one, same, other = (split.evaluated_users(seed=seed).tolist() for seed in (1, 1, 2))

    assert len(set(one)) == 5_000
    assert one == same == sorted(one)
    assert one != other


def test_a_random_fifth_is_held_out_regardless_of_time() -> None:
    interactions = Interactions.from_ratings(taste_ratings(), CATALOGUE)

    split, same, other = (random_split(interactions, seed=seed) for seed in (1, 1, 2))

    assert set(split.held_out.rating_counts.tolist()) == {24 // 5}
    assert np.mean(split.held_out.rated_at) == pytest.approx(np.mean(interactions.rated_at), abs=1)
    assert held_out_movies(split) == held_out_movies(same) != held_out_movies(other)


def test_globally_the_newest_tenth_is_held_out_of_users_with_enough_older_ratings() -> None:
    rows = [(user, movie, 3.0, movie) for user in (1, 2) for movie in range(1, 10)]
    rows += [(1, 10, 4.0, 100), (3, 10, 4.0, 100)]

    split = global_time_split(index(rows), seed=0)

    assert held_out_movies(split) == [[10], [], []]
    assert split.known.rating_counts.tolist() == [9, 9, 0]


def test_the_next_session_is_held_out_up_to_a_hundred_ratings() -> None:
    day = 86_400
    many = np.arange(1, 141)
    rows = [(1, movie, 4.0, movie) for movie in many[:12].tolist()]
    # The last gap counts, and one of exactly a day is none.
    rows += [(1, movie, 4.0, 3 * day + movie) for movie in many[12:15].tolist()]
    rows += [(1, 16, 4.0, 4 * day + 15)]
    rows += [(1, movie, 4.0, 9 * day + movie) for movie in many[16:].tolist()]
    # Nine ratings before the gap are too few.
    rows += [(2, movie, 4.0, movie + (movie > 9) * 5 * day) for movie in many[:12].tolist()]

    split = session_split(Interactions.from_ratings(ratings_of(rows), many), seed=0)

    assert split.known.movie_ids[split.known.items].tolist() == [*range(1, 17), *range(1, 13)]
    assert split.held_out.movie_ids[split.held_out.items].tolist() == list(range(17, 117))
    assert split.held_out.rating_counts.tolist() == [100, 0]


@for_each(
    ("n_items", "expected"),
    [(10_000, (5_000, 2_000)), (86_000, (5_000, 2_000)), (200_000, (2_500, 1_000)), (10**7, (1_000, 400))],
)
def test_the_larger_the_catalogue_the_fewer_users_are_scored(n_items: int, expected: tuple[int, int]) -> None:
    assert (sample_size(5_000, n_items), sample_size(2_000, n_items)) == expected
