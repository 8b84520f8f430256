import numpy as np
import pytest

from server.recommender.algorithms.ease.model import Ease
from server.recommender.algorithms.ease.scoring import (
    NO_DECAY,
    ONLY_NEGATIVE_FACTOR,
    Decay,
    EaseConfig,
    blended_popularity,
    most_rated,
    personal_weights,
    popularity_damping,
    preference_weight,
    weighted_matrix,
)
from server.recommender.algorithms.ease.statistics import (
    CooccurrenceStatistics,
    NextStatistics,
    cooccurrence_weights,
    in_order,
    next_weights,
)
from server.recommender.algorithms.ease.tuning import NEXT_WEIGHTS, POWERS, SCALES, Qualities, tune_ease
from server.recommender.algorithms.popularity import Popularity, PopularityConfig
from server.recommender.data.holdouts import Holdouts
from server.recommender.data.interactions import Interactions
from server.recommender.data.lists import top_items
from server.recommender.data.splits import Split, temporal_split
from tests.support.generated_tastes import CATALOGUE, history_of, ratings_of, taste_ratings, with_movies
from tests.support.tables import for_each

TASTES = Interactions.from_ratings(taste_ratings(), CATALOGUE)


def fit(config: EaseConfig | None = None, interactions: Interactions = TASTES) -> Ease:
    return Ease.fit(interactions, config or EaseConfig(), seed=0)


def one_user(stars: dict[int, float]) -> Interactions:
    return Interactions.from_history(history_of(stars), CATALOGUE)


def test_the_cooccurrence_weights_are_the_closed_form_of_steck() -> None:
    statistics = CooccurrenceStatistics.gather(TASTES, np.arange(152), EaseConfig())

    weights = in_order(cooccurrence_weights(statistics.together(), 30.0), statistics.order)

    # No user has rated more than one session: whole and session count half each, and are the same.
    rows = weighted_matrix(TASTES, np.arange(152), NO_DECAY).toarray().astype(np.float64)
    precision = np.linalg.inv(rows.T @ rows + 30 * np.eye(152))
    expected = np.where(np.eye(152), 0, -precision / np.diag(precision))
    np.testing.assert_allclose(weights, expected, atol=1e-5)


def test_the_next_rating_is_predicted_from_the_earlier_one() -> None:
    # Users like 1 then 2, or 3 then 4; the order tells the two apart.
    rows = [(user, movie, 5.0, movie) for user in range(1, 81) for movie in ((1, 2), (3, 4))[user % 2]]
    rows += [(user, movie, 1.0, movie) for user in range(1, 81) for movie in (7, 8, 9)]
    interactions = Interactions.from_ratings(ratings_of(rows), np.arange(1, 11))
    statistics = NextStatistics.gather(interactions, np.arange(10), EaseConfig())
    order = CooccurrenceStatistics.gather(interactions, np.arange(10), EaseConfig()).order

    weights = in_order(next_weights(statistics.past, statistics.past_future, 1.0), order)

    assert weights[0, 1] > 0.1 > weights[1, 0]
    assert weights[2, 3] > 0.1 > weights[0, 3]


@for_each(
    ("stars", "preference"),
    [
        # The mean of one rating of s stars is shrunken to (17.5 + s) / 6; the own scale ends at 1.2.
        (5.0, (1 + 1.2) / 2),
        (3.0, (0.3 + 0.6 + 0.5 * (3 - 20.5 / 6)) / 2),
        (0.5, (-0.3 - 0.3) / 2),
    ],
)
def test_a_preference_is_the_mean_of_the_common_and_the_own_scale(stars: float, preference: float) -> None:
    assert preference_weight(one_user({4: stars})).tolist() == pytest.approx([preference])


def test_ratings_fade_with_age_by_a_power_law() -> None:
    weights = Decay(scale=5.0, power=0.5).weights(np.array([0, 5, 15, 495]))

    assert weights.tolist() == pytest.approx([1, 0.5**0.5, 0.5, 0.1])


def test_damping_lowers_the_most_rated_movies_and_keeps_the_scale() -> None:
    counts = TASTES.summary.item_counts[:152]

    factors = popularity_damping(TASTES, np.arange(152), 0.1)

    assert np.all(np.diff(factors[np.argsort(counts, kind="stable")]) <= 0)
    assert np.average(factors, weights=counts) == pytest.approx(1, abs=0.02)
    assert popularity_damping(TASTES, np.arange(152), 0).tolist() == [1] * 152


def test_without_a_decay_old_ratings_count_like_new_ones() -> None:
    assert NO_DECAY.weights(np.array([0, 7, 1_000])).tolist() == [1, 1, 1]


def test_the_latest_rating_has_the_largest_weight() -> None:
    model = fit()

    of_kind_0 = model.score(one_user({1: 5.0, 5: 5.0, 4: 5.0, 8: 5.0}))[0]
    of_kind_1 = model.score(one_user({4: 5.0, 8: 5.0, 1: 5.0, 5: 5.0}))[0]

    unseen_0, unseen_1 = np.arange(11, 152, 4), np.arange(8, 152, 4)
    assert of_kind_0[unseen_0].mean() > of_kind_1[unseen_0].mean()
    assert of_kind_1[unseen_1].mean() > of_kind_0[unseen_1].mean()


def test_the_most_rated_movies_that_fit_are_modelled_and_the_others_come_last_by_popularity() -> None:
    # A megabyte holds 312 movies; 40 are allowed by the other two settings.
    model = fit(EaseConfig(weights_mb=1, always_items=40, min_ratings=10_000, max_tail_share=0))

    scores = model.score(one_user({4: 5.0, 8: 4.5}))[0]

    counts = np.bincount(TASTES.items, minlength=160)
    others = np.setdiff1d(np.arange(160), model.items)
    assert counts[model.items].min() >= counts[others].max()
    assert scores[others].max() < np.median(scores[model.items])
    by_popularity = others[np.argsort(-model.popularity[others], kind="stable")]
    assert others[top_items(scores[others], 120)].tolist() == by_popularity.tolist()


def test_memory_bounds_the_number_of_modelled_movies_after_that_of_their_weights() -> None:
    assert EaseConfig(weights_mb=32).max_items() == 10_000
    # A movie with factors takes 28 bytes, and all of those at most half.
    assert [EaseConfig(weights_mb=32).max_items(n_rated) for n_rated in (100_000, 10_000_000)] == [9_125, 5_000]
    assert EaseConfig(weights_mb=28).max_tail_items == 500_000
    assert EaseConfig(weights_mb=32).kept_of(10_000, 100_000) == 365
    assert [EaseConfig(weights_mb=32).kept_of(n_items) for n_items in (10, 5_000, 6_250, 10_000)] == [
        800,
        800,
        640,
        400,
    ]
    assert EaseConfig(weights_mb=32, kept_weights=100).max_items() == 40_000
    assert most_rated(TASTES, EaseConfig(always_items=5, min_ratings=1_000)).size == 5


def test_the_weights_that_are_kept_are_the_strongest_of_each_movie() -> None:
    whole, pruned = fit(EaseConfig(kept_weights=152)), fit(EaseConfig(kept_weights=20))

    dense = np.zeros((152, 152))
    np.put_along_axis(dense, whole.columns, whole.weights, axis=1)
    expected = np.sort(np.argsort(-np.abs(dense), axis=1)[:, :20], axis=1)
    assert pruned.columns.tolist() == expected.tolist()
    np.testing.assert_array_equal(pruned.weights, np.take_along_axis(dense, expected, axis=1))


def test_the_score_is_the_sum_of_the_kept_weights() -> None:
    model = fit(EaseConfig(kept_weights=20, recency_power=0))
    history = one_user({4: 5.0, 8: 1.0, 12: 4.0})

    dense = np.zeros((152, 152))
    np.put_along_axis(dense, model.columns, model.weights, axis=1)
    inputs = weighted_matrix(history, model.items, NO_DECAY)
    # Two positive ratings of three, and a prior of one.
    positive = 2 / 3
    negative = 3 / 4 * (positive + ONLY_NEGATIVE_FACTOR * (1 - positive))
    personal = positive * (inputs.maximum(0) @ dense) + negative * (inputs.minimum(0) @ dense)
    expected = personal[0] + (1 - positive) * model.popularity[:152]
    np.testing.assert_allclose(model.score(history)[0, :152], expected, atol=1e-6)


def test_ratings_of_1_star_alone_lower_similar_movies() -> None:
    model, nothing = fit(), one_user({})

    disliked = one_user(dict.fromkeys((4, 8, 12, 16, 20), 1.0))

    change = (model.score(disliked) - model.score(nothing))[0, 20:152]
    kinds = np.arange(21, 153) % 4
    assert change[kinds == 0].mean() < -0.01
    assert change[kinds == 0].mean() < change[kinds != 0].mean()


@for_each("power", [1.0, 2.0])
def test_popularity_yields_to_the_personal_score_with_positive_ratings(power: float) -> None:
    users = [one_user({}), one_user({4: 5.0}), one_user({4: 5.0, 8: 4.0, 12: 4.5, 1: 2.0})]

    weights = [personal_weights(user, prior_likes=1.0, prior_power=power)[0][0] for user in users]

    assert weights == pytest.approx([0, 0.5, 3**power / (3**power + 1)])


def test_recent_popularity_is_blended_in_on_the_same_scale() -> None:
    blended = blended_popularity(TASTES, 0.5)

    is_recent = TASTES.liked & (TASTES.rated_at >= np.quantile(TASTES.rated_at, 0.9, method="lower"))
    recent = np.bincount(TASTES.items[is_recent], minlength=160)
    assert blended.sum() == pytest.approx(TASTES.like_shares.sum())
    np.testing.assert_allclose(2 * blended - TASTES.like_shares, recent * (TASTES.like_shares.sum() / recent.sum()))


def test_a_history_of_movies_without_weights_gets_the_popular_ones() -> None:
    model = fit(EaseConfig(always_items=20, min_ratings=10_000, max_tail_share=0))
    popular = Popularity.fit(TASTES, PopularityConfig(), seed=0)
    history = one_user({158: 5.0})

    assert top_items(model.score(history)[0], 10).tolist() == top_items(popular.score(history)[0], 10).tolist()


def test_contributions_and_popularity_add_up_to_the_score() -> None:
    model = fit()
    history = one_user({4: 5.0, 8: 1.0, 12: 4.0, 158: 5.0})

    contributions = model.contributions(history, np.arange(4), np.arange(160))

    likes = 3
    popularity = model.config.prior_likes / (likes + model.config.prior_likes) * model.popularity
    scores = model.score(history)[0]
    assert contributions.shape == (4, 160)
    np.testing.assert_allclose(contributions.sum(axis=0)[:152] + popularity[:152], scores[:152], atol=1e-6)
    assert contributions[3].tolist() == [0] * 160


def test_similar_movies_are_of_the_same_kind() -> None:
    similarities = fit().similarities(3)

    most = top_items(np.where(np.arange(160) == 3, -1, similarities), 10)
    assert np.mean(most % 4 == 3) >= 0.8
    assert similarities[158] == 0


def test_a_movie_without_weights_is_similar_to_none() -> None:
    assert fit().similarities(159).tolist() == [0] * 160


def test_tuned_settings_are_deterministic_and_from_the_grid() -> None:
    holdouts = Holdouts.of(TASTES, temporal_split, seed=0)

    one, other = (tune_ease(holdouts, EaseConfig(), seed=1) for _ in range(2))

    assert one == other
    assert one.recency_scale in SCALES
    assert one.recency_power in POWERS
    assert one.next_weight in NEXT_WEIGHTS


def test_recency_is_tuned_to_how_fast_tastes_change() -> None:
    timeless = taste_ratings(n_users=400)
    # The same ratings, but the taste of each user changes to the next kind at half time.
    is_late = timeless.rated_at >= 12
    turning = with_movies(timeless, np.where(is_late, timeless.movie_ids % 152 + 1, timeless.movie_ids))

    steady, changing = (
        tune_ease(holdouts, EaseConfig(), seed=0)
        for holdouts in (
            Holdouts.of(Interactions.from_ratings(ratings, CATALOGUE), temporal_split, seed=0)
            for ratings in (timeless, turning)
        )
    )

    assert changing.decay.weights(np.array([20])) < steady.decay.weights(np.array([20]))


def test_a_gain_is_clear_if_it_exceeds_two_standard_errors() -> None:
    before = Qualities([np.zeros(100), np.zeros(400)])
    # The standard errors are 0.1 and 0.05, that of their mean is 0.056.
    noise = [np.resize([1.0, -1.0], size) for size in (100, 400)]

    assert Qualities([own + 0.12 for own in noise]).is_clearly_above(before)
    assert not Qualities([own + 0.1 for own in noise]).is_clearly_above(before)


def test_the_gain_of_a_few_users_alone_is_not_clear() -> None:
    before = Qualities([np.zeros(400), np.zeros(2)])

    assert not Qualities([np.resize([1.0, -1.0], 400), np.full(2, 0.9)]).is_clearly_above(before)


def test_without_findable_positive_ratings_the_settings_stay() -> None:
    nothing = TASTES.select_ratings(np.zeros(TASTES.items.size, np.bool_))

    assert tune_ease(
        Holdouts.only_split(TASTES, Split(TASTES, nothing)), EaseConfig(penalty=7.0), seed=0
    ) == EaseConfig(penalty=7.0)
