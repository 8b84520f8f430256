"""Movies without weights: their factors, and what is recommended and explained by them."""

import numpy as np
import pytest

from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.scoring import FACTORS, NO_DECAY, EaseConfig, weighted_matrix
from server.recommender.algorithms.ease.statistics import CooccurrenceStatistics
from server.recommender.algorithms.ease.tail import PENALTY, PRIOR_RATERS, TailFactors, Tastes
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import Interactions
from server.recommender.data.lists import top_items
from server.recommender.data.ratings import Ratings
from server.recommender.data.traits import TraitRegression
from tests.support.generated_tastes import CATALOGUE, history_of, rows_of, taste_catalogue, taste_ratings

TASTES = Interactions.from_ratings(taste_ratings(), CATALOGUE)
CONFIG = EaseConfig(always_items=40, min_ratings=10_000)
"""Of the 152 rated movies 40 have weights, and 112 have factors."""

RATED = np.arange(152)


def fit(catalogue: Catalogue | None = None) -> Ease:
    return Ease.fit(TASTES, CONFIG, seed=0, catalogue=catalogue)


def one_user(stars: dict[int, float]) -> Interactions:
    return Interactions.from_history(history_of(stars), CATALOGUE)


def test_the_factors_are_a_ridge_regression_with_raters_of_the_taste_of_the_genres_beside_the_real_ones() -> None:
    head, movies = fit().items, taste_catalogue()
    tastes = Tastes.of(CooccurrenceStatistics.gather(TASTES, head, CONFIG))

    tail = TailFactors.fit(TASTES, head, tastes, movies, CONFIG)

    rows = weighted_matrix(TASTES, head, NO_DECAY).toarray()
    strengths, directions = np.linalg.eigh(rows.T @ rows)
    projected = rows @ directions[:, -FACTORS:]
    mean_tastes = rows.T @ projected / (np.sum(rows**2, axis=0)[:, None] + 1)
    expected_tastes = TraitRegression.learn(movies.of_items(head), mean_tastes).predict(movies.of_items(tail.items))
    others = weighted_matrix(TASTES, tail.items, NO_DECAY).toarray()
    sums = others.T @ projected + PRIOR_RATERS * expected_tastes
    expected = projected @ np.linalg.solve(np.diag(strengths[-FACTORS:]) + PENALTY * np.eye(FACTORS), sums.T)
    found = tail.scores(rows @ tastes.directions)
    # The directions may differ in sign, the scores may not; a code has one part in 127.
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


@pytest.mark.parametrize("catalogue", [None, taste_catalogue()])
def test_movies_of_few_raters_are_recommended_to_users_of_their_taste(catalogue: Catalogue | None) -> None:
    model = fit(catalogue)

    scores = model.score(one_user({4: 5.0, 8: 4.5, 12: 5.0, 16: 4.0, 5: 1.0}))[0] - model.popularity / 5

    own, others = (model.tail_items[(model.tail_items % 4 == 3) == is_own] for is_own in (True, False))
    assert np.mean(scores[own][:, None] > scores[others]) > 0.95


def test_genres_speak_for_a_movie_with_one_rater() -> None:
    # A comedy and a horror film have the same single rater.
    ratings = taste_ratings()
    kept = np.flatnonzero(~np.isin(ratings.movie_ids, (148, 151)))
    base = rows_of(ratings, kept)
    one = Ratings(
        *(
            np.append(column, values).astype(column.dtype)
            for column, values in zip(vars(base).values(), ((1, 1), (148, 151), (5.0, 5.0), (0, 0)), strict=True)
        )
    )

    model = Ease.fit(Interactions.from_ratings(one, CATALOGUE), CONFIG, seed=0, catalogue=taste_catalogue())

    of_comedy, of_horror = (
        model.score(one_user(dict.fromkeys(range(kind, 40, 4), 5.0)))[0, [147, 150]] for kind in (4, 3)
    )
    assert of_comedy[0] > of_comedy[1]
    assert of_horror[1] > of_horror[0]


def test_contributions_to_movies_without_weights_add_up_to_the_score() -> None:
    model = fit()
    history = one_user({4: 5.0, 8: 1.0, 12: 4.0, 151: 5.0})

    contributions = model.contributions(history, np.arange(4), np.arange(160))

    popularity = model.config.prior_likes / (3 + model.config.prior_likes) * model.popularity
    scores = model.score(history)[0]
    np.testing.assert_allclose((contributions.sum(axis=0) + popularity)[RATED], scores[RATED], atol=1e-6)
    assert (contributions[0, model.tail_items] != 0).any()


def test_a_movie_without_weights_has_similar_movies_of_its_kind() -> None:
    model = fit(taste_catalogue())

    for item in model.tail_items[:8].tolist():
        similarities = np.where(np.arange(160) == item, -1, model.similarities(item))
        assert np.mean(top_items(similarities, 10) % 4 == item % 4) >= 0.8


def test_movies_beyond_the_memory_come_last_by_popularity() -> None:
    config = CONFIG.model_copy(update={"weights_mb": 1, "max_tail_share": 28e-6 * 30})

    model = Ease.fit(TASTES, config, seed=0)

    counts = np.bincount(TASTES.items, minlength=160)
    others = np.setdiff1d(RATED, model.modelled_items)
    scores = model.score(one_user({4: 5.0, 8: 4.5}))[0]
    assert (model.items.size, model.tail_items.size) == (40, 30)
    assert counts[model.tail_items].min() >= counts[others].max()
    assert scores[others].max() <= scores[model.modelled_items].min() + model.popularity[others].max()
    by_popularity = others[np.argsort(-model.popularity[others], kind="stable")]
    assert others[top_items(scores[others], 100)].tolist() == by_popularity.tolist()
