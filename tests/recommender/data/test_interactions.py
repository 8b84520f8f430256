import numpy as np

from server.recommender.data.interactions import Interactions
from tests.support.generated_tastes import history_of, ratings_of, shuffled

CATALOGUE = np.array([30, 10, 20, 40])

RATINGS = ratings_of([
    (7, 30, 4.0, 300),
    (7, 10, 3.5, 100),
    (2, 20, 5.0, 200),
    (2, 99, 5.0, 400),
    (2, 10, 4.5, 500),
])


def columns(interactions: Interactions) -> dict[str, list[float]]:
    return {name: array.tolist() for name, array in vars(interactions).items()}


def test_users_and_movies_are_numbered_by_id_and_foreign_movies_left_out() -> None:
    interactions = Interactions.from_ratings(RATINGS, CATALOGUE)

    assert columns(interactions) == {
        "movie_ids": [10, 20, 30, 40],
        "offsets": [0, 2, 4],
        "items": [1, 0, 0, 2],
        "stars": [5.0, 4.5, 3.5, 4.0],
        "rated_at": [200, 500, 100, 300],
        "user_ids": [2, 7],
    }


def test_the_order_of_the_ratings_makes_no_difference() -> None:
    one, other = (Interactions.from_ratings(shuffled(RATINGS, seed=seed), CATALOGUE) for seed in (1, 2))

    assert columns(one) == columns(other)


def test_a_like_has_four_stars_or_more() -> None:
    interactions = Interactions.from_ratings(RATINGS, CATALOGUE)

    assert interactions.likes().toarray().tolist() == [[1, 1, 0, 0], [0, 0, 1, 0]]
    assert interactions.like_counts.tolist() == [2, 1]
    assert interactions.like_shares.tolist() == [0.5, 0.5, 0.5, 0.0]


def test_a_single_user_has_the_same_sums_as_among_others() -> None:
    both = Interactions.from_ratings(RATINGS, CATALOGUE)
    second = both.select_users(np.array([1]))

    assert (both.sums(both.stars).tolist(), second.sums(second.stars).tolist()) == ([9.5, 7.5], [7.5])
    assert (both.like_counts.tolist(), second.like_counts.tolist()) == ([2, 1], [1])
    assert (both.ages.tolist(), second.ages.tolist()) == ([1, 0, 1, 0], [1, 0])


def test_a_history_is_one_user_of_known_movies() -> None:
    history = history_of({30: 2.0, 99: 5.0, 10: 4.0})

    interactions = Interactions.from_history(history, np.sort(CATALOGUE))

    assert columns(interactions) == {
        "movie_ids": [10, 20, 30, 40],
        "offsets": [0, 2],
        "items": [2, 0],
        "stars": [2.0, 4.0],
        "rated_at": [0, 2],
        "user_ids": [0],
    }


def test_no_ratings_have_no_users() -> None:
    interactions = Interactions.from_ratings(ratings_of([]), CATALOGUE)

    assert (interactions.n_users, interactions.n_items) == (0, 4)


def test_an_empty_history_is_one_user_without_ratings() -> None:
    interactions = Interactions.from_history(history_of({}), CATALOGUE)

    assert (interactions.n_users, interactions.rating_counts.tolist()) == (1, [0])


def test_chosen_ratings_keep_all_users() -> None:
    interactions = Interactions.from_ratings(RATINGS, CATALOGUE)

    chosen = interactions.select_ratings(np.array([False, False, True, False]))

    assert columns(chosen) == {
        "movie_ids": [10, 20, 30, 40],
        "offsets": [0, 0, 1],
        "items": [0],
        "stars": [3.5],
        "rated_at": [100],
        "user_ids": [2, 7],
    }


def test_chosen_users_are_numbered_in_the_order_given() -> None:
    interactions = Interactions.from_ratings(RATINGS, CATALOGUE)

    chosen = interactions.select_users(np.array([1, 0]))

    assert columns(chosen) == {
        "movie_ids": [10, 20, 30, 40],
        "offsets": [0, 2, 4],
        "items": [0, 2, 1, 0],
        "stars": [3.5, 4.0, 5.0, 4.5],
        "rated_at": [100, 300, 200, 500],
        "user_ids": [7, 2],
    }
