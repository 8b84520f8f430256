from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from server.recommender.algorithms.ease.candidates import (
    N_CANDIDATES,
    N_FEATURES,
    N_GENRE_FEATURES,
    N_ITEM_FEATURES,
    item_features,
)
from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.profiles import DECAYS, RECENT_RATINGS, RERANKED_RATINGS, TASTE_DECAY
from server.recommender.algorithms.ease.reranker import MIN_LISTS, RankedLists, Reranker, learn_reranker
from server.recommender.algorithms.ease.reranker_tuning import rank_candidates, tune_reranker
from server.recommender.algorithms.ease.scoring import EaseConfig, preference_weight
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import Interactions
from server.recommender.data.splits import temporal_split
from tests.support.generated_tastes import CATALOGUE, history_of, ratings_of, taste_ratings

TASTES = Interactions.from_ratings(taste_ratings(), CATALOGUE)
GENRES: list[list[str]] = [["Drama"], ["Comedy"], ["Drama", "War"], []]
MOVIES = Catalogue.of_movies((movie, None, GENRES[movie % 4]) for movie in CATALOGUE.tolist())
LOG_COUNT = N_FEATURES - N_GENRE_FEATURES - 1 - N_ITEM_FEATURES
BY_RARITY = Reranker(
    knots=tuple((0.0, 10.0) if place == LOG_COUNT else (0.0,) for place in range(N_FEATURES)),
    rises=tuple((-1.0,) if place == LOG_COUNT else () for place in range(N_FEATURES)),
)
"""Puts the movies with the fewest ratings first."""


def fit_both() -> tuple[Ease, Ease]:
    """Return a model with one stage, and the same with two."""
    two_stages = Ease.fit(TASTES, EaseConfig(reranker=BY_RARITY), seed=0, catalogue=MOVIES)
    return replace(two_stages, config=EaseConfig()), two_stages


def user_with(n_ratings: int) -> Interactions:
    return Interactions.from_history(history_of(dict.fromkeys(range(1, n_ratings + 1), 5.0)), CATALOGUE)


def lists_of(n: int, *, relevance: float, seed: int, kind: float = 0.0) -> RankedLists:
    """Lists whose relevant movies have a high second feature, in no particular order."""
    random = np.random.default_rng(seed)
    features = random.random((n, N_CANDIDATES, 3)).astype(np.float32)
    worth = relevance * features[..., 1] + random.random((n, N_CANDIDATES))
    features[..., 2] = kind
    relevant = worth >= np.sort(worth, axis=1)[:, -10:-9]
    return RankedLists(features, relevant)


def test_the_second_stage_deals_out_the_same_scores_in_another_order() -> None:
    one_stage, two_stages = fit_both()
    history = user_with(RERANKED_RATINGS)

    before, after = (model.score(history)[0] for model in (one_stage, two_stages))

    assert sorted(before) == sorted(after)
    unrated = np.setdiff1d(one_stage.items, history.items)
    first = unrated[np.argsort(-before[unrated], kind="stable")][:N_CANDIDATES]
    reordered = first[np.argsort(-after[first], kind="stable")]
    counts = np.bincount(TASTES.items, minlength=CATALOGUE.size)
    assert np.all(np.diff(counts[reordered]) >= 0)
    others = np.setdiff1d(np.arange(CATALOGUE.size), first)
    assert after[others].tolist() == before[others].tolist()


def test_one_user_alone_has_the_same_second_stage_as_among_others() -> None:
    _, model = fit_both()
    together = model.score(TASTES.select_users(np.arange(5)))

    for user in range(5):
        alone = TASTES.select_users(np.array([user]))
        items, scores = model.shortlist(alone, np.ones(CATALOGUE.size, np.bool_), 10)
        np.testing.assert_allclose(scores, together[user, items], atol=1e-6)


def test_few_ratings_and_rated_movies_are_left_in_the_first_order() -> None:
    one_stage, two_stages = fit_both()
    few, enough = user_with(RERANKED_RATINGS - 1), user_with(RERANKED_RATINGS)

    assert two_stages.score(few).tolist() == one_stage.score(few).tolist()
    before, after = (model.score(enough)[0, enough.items] for model in (one_stage, two_stages))
    assert before.tolist() == after.tolist()
    everything = user_with(CATALOGUE.size)
    assert two_stages.score(everything).tolist() == one_stage.score(everything).tolist()


def test_features_of_items_are_counts_shares_stars_trend_and_genres() -> None:
    rows = [(user, 1, 5.0, user) for user in range(1, 51)] + [(user, 2, 1.0, user) for user in range(41, 51)]

    movies = Catalogue.of_movies([(1, None, ["Drama", "War"]), (2, None, ["War"]), (3, None, [])])

    features = item_features(Interactions.from_ratings(ratings_of(rows), np.arange(1, 4)), np.arange(3), movies)

    assert features[:, 0] == pytest.approx(np.log1p([50, 10, 0]))
    assert features[0, 1] > features[2, 1] > features[1, 1]
    assert features[0, 2] > features[2, 2] > features[1, 2]
    assert features[1, 3] > 0 > features[0, 3]
    np.testing.assert_allclose(features[:, N_ITEM_FEATURES:], [[0.5**0.5, 0.5**0.5], [0, 1], [0, 0]], atol=1e-6)


def test_a_model_learns_which_feature_of_both_kinds_of_lists_tells() -> None:
    kinds = [lists_of(MIN_LISTS, relevance=2.0, seed=seed, kind=float(seed)) for seed in (0, 1)]

    learned = learn_reranker(kinds)

    assert learned is not None
    assert sum(learned.rises[1]) > 10 * abs(sum(learned.rises[0]))
    assert all(lists.gains(learned).mean() > 0.2 for lists in kinds)
    assert Reranker.model_validate_json(learned.model_dump_json()) == learned


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param([(MIN_LISTS, 2.0), (MIN_LISTS - 1, 2.0)], id="too few lists of one kind"),
        pytest.param([(MIN_LISTS, 0.0), (MIN_LISTS, 0.0)], id="features that tell nothing"),
    ],
)
def test_without_a_clear_gain_of_both_kinds_there_is_no_second_stage(kinds: list[tuple[int, float]]) -> None:
    lists = [lists_of(n, relevance=relevance, seed=seed) for seed, (n, relevance) in enumerate(kinds)]

    assert learn_reranker(lists) is None


def test_lists_of_one_kind_must_not_pay_for_those_of_the_other() -> None:
    gaining, perfect = lists_of(MIN_LISTS, relevance=2.0, seed=0), lists_of(MIN_LISTS, relevance=0.0, seed=1)
    perfect.relevant[:] = np.arange(N_CANDIDATES) < 10

    assert learn_reranker([gaining, perfect]) is None


def test_a_feature_is_the_score_by_the_taste() -> None:
    model, history = fit_both()[0], user_with(RERANKED_RATINGS)

    ((candidates, features),) = model.candidates(history)

    rows = np.searchsorted(model.items, history.items)
    preferences = preference_weight(history) * DECAYS[TASTE_DECAY].weights(history.ages)
    scores = model.directions[candidates.items] @ (preferences @ model.directions[rows])
    np.testing.assert_allclose(features[:, 2], scores / np.abs(scores).max(), atol=1e-5)


def test_features_are_how_the_genres_are_like_those_of_the_ratings() -> None:
    model, history = fit_both()[0], user_with(RERANKED_RATINGS + 5)

    ((candidates, features),) = model.candidates(history)

    genres = MOVIES.genres / np.sqrt(np.maximum(MOVIES.genres.sum(axis=1), 1))[:, None]
    own = genres[model.items[candidates.items]]
    fading = preference_weight(history) * DECAYS[TASTE_DECAY].weights(history.ages)
    for column, weights in ((-2, fading), (-1, history.ages < RECENT_RATINGS)):
        wanted = weights @ genres[history.items]
        np.testing.assert_allclose(features[:, column], own @ wanted / np.linalg.norm(wanted), atol=1e-5)


def test_lists_are_of_users_with_enough_ratings_and_a_second_stage_needs_many() -> None:
    split = temporal_split(TASTES, seed=0)
    model = Ease.fit(split.known, EaseConfig(), seed=0)

    short = rank_candidates(model, split)
    tuned = tune_reranker(model, [split, split])

    assert len(short) == 0
    assert tuned.reranker is None


@pytest.mark.parametrize(
    ("knots", "rises"),
    [
        ([[1.0, 0.0]], [[0.5]]),
        ([[0.0, 1.0]], [[0.5, 0.5]]),
        ([[0.0, 1.0]], []),
        ([[0.0, float("nan")]], [[0.5]]),
        ([[]], [[]]),
    ],
)
def test_functions_that_do_not_fit_together_are_refused(knots: list[list[float]], rises: list[list[float]]) -> None:
    with pytest.raises(ValidationError):
        Reranker.model_validate({"knots": knots, "rises": rises})


def test_a_model_with_a_second_stage_of_other_features_is_refused() -> None:
    fitted = Ease.fit(TASTES, EaseConfig(), seed=0)
    damaged = [
        replace(fitted, config=EaseConfig(reranker=Reranker(knots=((0.0, 1.0),), rises=((1.0,),)))),
        replace(fitted, features=fitted.features[:, :2]),
        replace(fitted, features=np.full_like(fitted.features, np.nan)),
    ]

    fitted.check(CATALOGUE.size)
    for model in damaged:
        with pytest.raises(ValueError, match=r"features|shape|values"):
            model.check(CATALOGUE.size)
