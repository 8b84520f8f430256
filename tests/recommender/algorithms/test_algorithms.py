"""The contract of every algorithm. A new one is under it as soon as it is registered."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from server.errors import InvalidInputError
from server.recommender.algorithms.base import Algorithm
from server.recommender.algorithms.popularity import Popularity, PopularityConfig
from server.recommender.algorithms.registry import ALGORITHMS, get_algorithm
from server.recommender.data.interactions import Interactions
from server.recommender.data.lists import top_items
from server.recommender.data.ratings import History
from server.recommender.data.splits import Split, temporal_split
from server.recommender.evaluation.ranking_metrics import RankingMetrics, rank, ranking_metrics
from tests.support.generated_tastes import CATALOGUE, history_of, ratings_of, rows_of, shuffled, taste_ratings
from tests.support.tables import for_each

every_algorithm = for_each("name", sorted(ALGORITHMS))
every_personal_algorithm = for_each("name", sorted(ALGORITHMS.keys() - {"popularity"}))


def fit(name: str, interactions: Interactions, *, seed: int = 0) -> Algorithm[Any]:
    algorithm = get_algorithm(name)
    return algorithm.fit(interactions, algorithm.config_class(), seed=seed)


def fit_tastes(name: str) -> Algorithm[Any]:
    return fit(name, Interactions.from_ratings(taste_ratings(), CATALOGUE))


def score(algorithm: Algorithm[Any], history: History) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = algorithm.score(Interactions.from_history(history, CATALOGUE))[0]
    return scores


def metrics_of(algorithm: Algorithm[Any], split: Split) -> RankingMetrics:
    return ranking_metrics(rank(algorithm, split).lists, split)


def arrays_of(algorithm: Algorithm[Any]) -> dict[str, list[float]]:
    return {name: array.tolist() for name, array in algorithm.arrays().items()}


@every_personal_algorithm
def test_on_a_checkerboard_every_user_gets_squares_of_their_own_colour_first(name: str) -> None:
    # Users like the movies of their own parity and dislike the others; a fifth of the board is not rated.
    users, movies = np.divmod(np.arange(100 * 50), 50)
    is_rated = np.random.default_rng(0).random(users.size) < 0.8
    likes = (users + movies) % 2 == 0
    rows = zip(users + 1, movies + 1, np.where(likes, 5.0, 1.0), movies, strict=True)
    board = Interactions.from_ratings(rows_of(ratings_of(list(rows)), is_rated), np.arange(1, 51))

    scores = fit(name, board).score(board).ravel()

    worst_of_own = np.where(likes & ~is_rated, scores, np.inf).reshape(100, 50).min(axis=1)
    best_of_other = np.where(~likes & ~is_rated, scores, -np.inf).reshape(100, 50).max(axis=1)
    assert np.all(worst_of_own > best_of_other)


@every_algorithm
def test_scores_are_about_shares_of_users_for_every_user_and_movie(name: str) -> None:
    interactions = Interactions.from_ratings(taste_ratings(), CATALOGUE)

    scores = fit(name, interactions).score(interactions)

    assert scores.shape == (240, 160)
    assert scores.dtype == np.float64
    assert scores.min() > -0.5
    assert scores.max() < 1.5


@every_algorithm
def test_movies_without_ratings_are_last(name: str) -> None:
    algorithm = fit_tastes(name)

    scores = score(algorithm, history_of({4: 5.0, 8: 4.0}))

    assert scores[-8:].max() <= scores[:-8].min()


@every_algorithm
def test_without_ratings_the_order_is_the_popular_one(name: str) -> None:
    algorithm = fit_tastes(name)
    popular = fit_tastes("popularity")

    order = top_items(score(algorithm, history_of({})), 20).tolist()

    assert order == top_items(score(popular, history_of({})), 20).tolist()


@every_algorithm
def test_an_unknown_movie_in_a_history_changes_nothing(name: str) -> None:
    algorithm = fit_tastes(name)

    with_unknown = score(algorithm, history_of({4: 5.0, 12345: 5.0}))

    assert with_unknown.tolist() == score(algorithm, history_of({4: 5.0})).tolist()


@every_algorithm
def test_the_score_of_a_user_depends_on_their_own_history_only(name: str) -> None:
    interactions = Interactions.from_ratings(taste_ratings(), CATALOGUE)
    algorithm = fit(name, interactions)

    alone = algorithm.score(interactions.select_users(np.array([17])))

    np.testing.assert_allclose(alone[0], algorithm.score(interactions)[17], rtol=1e-5, atol=1e-6)


@every_algorithm
@pytest.mark.parametrize("n_passing", [160, 40, 3])
@pytest.mark.parametrize("config", [{}, {"always_items": 20, "min_ratings": 1_000, "weights_mb": 1}])
def test_the_shortlist_has_the_best_that_pass_and_all_that_are_better(
    name: str, n_passing: int, config: dict[str, int]
) -> None:
    algorithm = get_algorithm(name)
    settings = algorithm.config_class(**config if name == "ease" else {})
    fitted = algorithm.fit(Interactions.from_ratings(taste_ratings(), CATALOGUE), settings, seed=0)
    user = Interactions.from_history(history_of({4: 5.0, 8: 4.0, 5: 1.0}), CATALOGUE)
    passes = np.isin(np.arange(160), np.random.default_rng(0).choice(160, n_passing, replace=False))

    items, scores = fitted.shortlist(user, passes, 10)

    expected = fitted.score(user)[0]
    rated = np.union1d(fitted.modelled_items, np.flatnonzero(fitted.popularity))
    passing = rated[passes[rated]]
    worst = np.sort(expected[passing])[::-1][:10].min()
    assert np.unique(items).size == items.size
    assert set(items) >= set(rated[(expected[rated] >= worst)])
    np.testing.assert_array_equal(scores, expected[items])


@every_algorithm
def test_the_answer_is_the_callers_to_change(name: str) -> None:
    algorithm = fit_tastes(name)
    before = score(algorithm, history_of({4: 5.0})).tolist()

    score(algorithm, history_of({4: 5.0})).fill(-1)

    assert score(algorithm, history_of({4: 5.0})).tolist() == before


@every_algorithm
def test_the_same_ratings_in_any_order_and_the_same_seed_learn_the_same(name: str) -> None:
    one, other = (
        fit(name, Interactions.from_ratings(shuffled(taste_ratings(), seed=order), CATALOGUE), seed=3)
        for order in (1, 2)
    )

    assert arrays_of(one) == arrays_of(other)


@every_algorithm
def test_the_arrays_contain_everything_learned(name: str) -> None:
    algorithm = fit_tastes(name)
    history = history_of({4: 5.0, 9: 1.0})

    rebuilt = type(algorithm).from_arrays(algorithm.config, algorithm.arrays())

    assert algorithm.arrays().keys() == algorithm.array_names()
    assert score(rebuilt, history).tolist() == score(algorithm, history).tolist()


@every_algorithm
def test_an_unknown_setting_is_refused(name: str) -> None:
    config = get_algorithm(name).config_class()

    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        type(config)(no_such_setting=1)  # type: ignore[call-arg]  # that it is wrong is the point


@every_algorithm
def test_every_setting_says_what_it_does(name: str) -> None:
    fields = get_algorithm(name).config_class.model_fields

    assert [field for field, about in fields.items() if not about.description] == []


@every_algorithm
def test_one_like_is_enough_to_fit(name: str) -> None:
    interactions = Interactions.from_ratings(ratings_of([(1, 2, 5.0, 0), (2, 3, 1.0, 0)]), CATALOGUE)

    scores = fit(name, interactions).score(interactions)

    assert top_items(scores[0], 1).tolist() == [1]


@every_personal_algorithm
def test_it_is_better_than_popularity_on_held_out_ratings(name: str) -> None:
    split = temporal_split(Interactions.from_ratings(taste_ratings(), CATALOGUE), seed=0)

    personal, popular = (metrics_of(fit(each, split.known), split) for each in (name, "popularity"))

    assert personal.ndcg_at_10 > 1.5 * popular.ndcg_at_10
    assert personal.coverage > popular.coverage


@every_algorithm
@for_each("n_likes", [1, 3, 5, 10])
def test_a_new_user_with_few_likes_is_not_served_worse_than_by_popularity(name: str, n_likes: int) -> None:
    ratings = taste_ratings(n_users=480)
    is_new = ratings.user_ids > 240
    known_users = Interactions.from_ratings(rows_of(ratings, ~is_new), CATALOGUE)
    likes = Interactions.from_ratings(rows_of(ratings, is_new & (ratings.ratings >= 4)), CATALOGUE)
    place = np.arange(likes.items.size) - likes.offsets[likes.users]
    split = Split(likes.select_ratings(place < n_likes), likes.select_ratings(place >= n_likes))

    mine, popular = (metrics_of(fit(each, known_users), split) for each in (name, "popularity"))

    assert mine.ndcg_at_10 >= popular.ndcg_at_10


def test_popularity_is_the_share_of_users_who_like_it() -> None:
    rows = [(1, 10, 5.0, 0), (2, 10, 4.0, 0), (3, 10, 3.5, 0), (4, 20, 4.5, 0)]
    interactions = Interactions.from_ratings(ratings_of(rows), np.array([10, 20, 30]))

    scores = Popularity.fit(interactions, PopularityConfig(), seed=0).score(interactions)

    assert scores.tolist() == [[0.5, 0.25, 0.0]] * 4


def test_an_unknown_algorithm_is_named_beside_those_there_are() -> None:
    with pytest.raises(InvalidInputError, match=r"Unknown algorithm 'best'\. Choose one of: .*nmf, popularity"):
        get_algorithm("best")
