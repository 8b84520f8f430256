from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from server.recommender.calibration import MIN_FIRST_SLOPE, RISING_SLOPES, Calibrator, Inputs
from server.recommender.data.interactions import Interactions
from server.recommender.data.lists import count_higher
from server.recommender.data.pairs import RECENT_HALF_LIFE, Pairs, RatedPairs
from server.recommender.evaluation.calibration_metrics import calibration_error
from tests.support.generated_tastes import history_of
from tests.support.tables import for_each

SLOPES = (*RISING_SLOPES, "activity_slope", "stranger_slope")

TRUTH = Calibrator(
    inputs=Inputs(
        knots=(0.0, 0.8, 1.0),
        stranger_knots=(),
        like_share=0.5,
        good_share=0.5,
        mean_stars=3.5,
        fewest_ratings=0,
        most_ratings=1000,
    ),
    rises=(0.8, 1.2),
    rank_slope=0.3,
    critic_slope=0.2,
    praise_slope=0.3,
    popular_slope=0.0,
    share_slope=0.6,
    recent_slope=0.2,
    good_slope=0.1,
    stars_slope=0.1,
    first_slope=0.1,
    activity_slope=0.1,
    stranger_slope=0.0,
    intercept=0.5,
)


def rated_pairs(*, n: int, seed: int) -> RatedPairs:
    """Pairs that come out as ``TRUTH`` says."""
    random = np.random.default_rng(seed)
    user_ratings = random.integers(200, 400, n)
    like_shares = random.uniform(0.2, 0.9, n)
    pairs = Pairs(
        scores=random.random(n),
        # Dense at the head of the list, as held-out ratings are.
        ranks=(2000 * random.random(n) ** 3).astype(np.int64),
        user_likes=random.binomial(user_ratings, like_shares),
        user_ratings=user_ratings,
        user_stars=(3.5 * user_ratings).astype(np.float64),
        recent_likes=random.binomial(40, like_shares).astype(np.float64),
        recent_good=random.binomial(40, np.sqrt(like_shares)).astype(np.float64),
        recent_ratings=np.full(n, 40.0),
    )
    liked = random.random(n) < TRUTH.probabilities(pairs)
    return RatedPairs.of_outcomes(pairs, np.arange(n), liked)


def pairs_of_one_user(scores: list[float], *, likes: int = 3, ratings: int = 5) -> Pairs:
    column = np.array(scores)
    return Pairs(
        scores=column,
        ranks=count_higher(column, column),
        user_likes=np.full(column.size, likes),
        user_ratings=np.full(column.size, ratings),
        user_stars=np.full(column.size, 3.5 * ratings),
        recent_likes=np.full(column.size, float(likes)),
        recent_good=np.full(column.size, float(likes)),
        recent_ratings=np.full(column.size, float(ratings)),
    )


def test_a_fit_recovers_the_probabilities_that_made_the_pairs() -> None:
    calibrator = Calibrator.fit(rated_pairs(n=30_000, seed=1))

    unseen = rated_pairs(n=15_000, seed=2)
    probabilities = calibrator.probabilities(unseen)
    np.testing.assert_allclose(probabilities, TRUTH.probabilities(unseen), atol=0.08)
    assert calibration_error(probabilities, unseen.liked) < 0.015


@for_each("seed", [1, 2, 3])
def test_a_fit_is_the_most_likely_of_all_with_slopes_above_their_floors(seed: int) -> None:
    pairs = rated_pairs(n=500, seed=seed)
    fitted = Calibrator.fit(pairs)

    def loss(calibrator: Calibrator) -> float:
        probabilities = calibrator.probabilities(pairs)
        weights = np.array([*calibrator.rises, *(getattr(calibrator, name) for name in SLOPES)])
        return float(-np.log(np.where(pairs.liked, probabilities, 1 - probabilities)).sum() + weights @ weights / 2)

    for name in (*SLOPES, "intercept"):
        slope, floor = getattr(fitted, name), {"first_slope": MIN_FIRST_SLOPE}.get(name, -np.inf)
        floor = 0 if name in RISING_SLOPES[:-1] else floor
        for moved in (max(slope - 0.01, floor), slope + 0.01):
            assert loss(fitted) <= loss(fitted.model_copy(update={name: moved})) + 1e-6


@for_each("liked", [[True, False, True, False], [False, True, False, True]])
def test_a_few_pairs_even_misleading_ones_give_a_rising_probability_that_is_not_extreme(liked: list[bool]) -> None:
    pairs = RatedPairs(
        scores=np.array([0.9, 0.1, 0.8, 0.2]),
        ranks=np.array([0, 50, 1, 40]),
        user_likes=np.array([3, 3, 0, 0]),
        user_ratings=np.array([5, 5, 5, 5]),
        user_stars=np.array([18.0, 18.0, 17.0, 17.0]),
        recent_likes=np.array([3.0, 3.0, 0.0, 0.0]),
        recent_good=np.array([4.0, 4.0, 0.0, 0.0]),
        recent_ratings=np.array([5.0, 5.0, 5.0, 5.0]),
        users=np.array([1, 1, 2, 2]),
        liked=np.array(liked),
    )

    probabilities = Calibrator.fit(pairs).probabilities(pairs_of_one_user([0.9, 0.5, 0.1]))

    assert 0.97 > probabilities[0] > probabilities[1] > probabilities[2] > 0.03


@settings(deadline=None)
@given(st.lists(st.floats(-2, 2).map(lambda score: round(score, 6)), min_size=1, max_size=30))
def test_the_order_of_the_probabilities_is_the_order_of_the_scores(scores: list[float]) -> None:
    steepest, flattest = (
        TRUTH.model_copy(update={"rank_slope": slope, "critic_slope": slope, "praise_slope": slope, "rises": rises})
        for slope, rises in ((1.0, (1.0, 0.2)), (0.0, (0.001, 0.001)))
    )
    best_first = sorted(scores, reverse=True)

    for calibrator in (steepest, flattest):
        falls = np.diff(calibrator.probabilities(pairs_of_one_user(best_first))) < 0
        assert falls.tolist() == (np.diff(best_first) < 0).tolist()


def test_neighbours_at_the_end_of_a_large_catalogue_keep_their_order() -> None:
    scores = np.linspace(1, 0, 100_000)

    probabilities = TRUTH.probabilities(pairs_of_one_user(scores.tolist()))

    assert np.all(np.diff(probabilities) < 0)


def test_no_score_makes_a_probability_certain() -> None:
    probabilities = TRUTH.probabilities(pairs_of_one_user([1e300, 50.0, 0.0, -50.0, -1e300]))

    assert probabilities.tolist() == sorted(probabilities, reverse=True)
    assert probabilities[0] < 1
    assert probabilities[-1] > 0


def test_a_user_who_likes_more_has_higher_probabilities_and_a_new_one_the_common_ones() -> None:
    generous, new, strict = (
        TRUTH.probabilities(pairs_of_one_user([0.4], likes=likes, ratings=ratings))[0]
        for likes, ratings in ((20, 20), (0, 0), (0, 20))
    )

    assert generous > new > strict
    assert new == pytest.approx(1 / (1 + np.exp(-(0.5 * 0.8 + 0.5))))


def test_a_place_in_the_list_says_more_of_the_movies_of_a_user_who_likes_little() -> None:
    scores = np.linspace(0.9, 0.1, 200)

    rises = {
        likes: np.ptp(logit(TRUTH.probabilities(pairs_of_one_user(scores.tolist(), likes=likes, ratings=20))))
        for likes in (2, 18)
    }

    assert rises[2] > rises[18]


def test_the_head_of_the_list_is_higher_for_an_established_user_who_likes_nearly_everything() -> None:
    scores = np.linspace(0.9, 0.1, 200).tolist()
    plain = TRUTH.model_copy(update={"praise_slope": 0.0})

    gains = {
        (likes, ratings): logit(TRUTH.probabilities(pairs)) - logit(plain.probabilities(pairs))
        for likes, ratings in ((20, 20), (36, 40), (20, 400))
        for pairs in (pairs_of_one_user(scores, likes=likes, ratings=ratings),)
    }

    assert np.all(np.diff(gains[36, 40]) < 0)
    assert gains[36, 40][0] > 0.3
    assert gains[20, 20] == pytest.approx(np.zeros(200))
    assert gains[20, 400] == pytest.approx(np.zeros(200))


@for_each("ratings", [10, 25, 30, 39, 60])
@for_each("misses", [0, 2, 5])
def test_one_more_positive_rating_raises_and_one_more_other_lowers_the_head_of_the_list(
    ratings: int, misses: int
) -> None:
    strong = TRUTH.model_copy(update={"praise_slope": 1.0, "activity_slope": 0.0})

    before, liked, disliked = (
        strong.probabilities(pairs_of_one_user([0.9], likes=likes, ratings=after))[0]
        for likes, after in (
            (ratings - misses, ratings),
            (ratings - misses + 1, ratings + 1),
            (ratings - misses, ratings + 1),
        )
    )

    assert liked > before > disliked


def test_a_user_whose_ratings_are_nearly_likes_has_higher_probabilities() -> None:
    pairs = pairs_of_one_user([0.4], likes=5, ratings=20)

    nearly = replace(pairs, recent_good=np.array([20.0]))

    assert TRUTH.probabilities(nearly)[0] > TRUTH.probabilities(pairs)[0]


def test_recent_ratings_of_a_user_count_more() -> None:
    history = history_of({1: 1.0, 2: 3.5, 3: 5.0})
    interactions = Interactions.from_history(history, np.arange(1, 4))

    pairs = Pairs.of(interactions, np.zeros(1, np.int64), np.ones(1), np.zeros(1, np.int64))

    latest, middle, earliest = 1, 2 ** (-1 / RECENT_HALF_LIFE), 2 ** (-2 / RECENT_HALF_LIFE)
    assert {name: column.tolist() for name, column in vars(pairs).items()} == {
        "scores": [1.0],
        "ranks": [0],
        "user_likes": [1],
        "user_ratings": [3],
        "user_stars": [9.5],
        "recent_likes": [latest],
        "recent_good": [latest + middle],
        "recent_ratings": pytest.approx([latest + middle + earliest]),
    }


def test_activity_counts_only_as_far_as_it_was_seen() -> None:
    fitted = Calibrator.fit(rated_pairs(n=3000, seed=2))
    half_liked = {likes * 2: pairs_of_one_user([0.5], likes=likes, ratings=likes * 2) for likes in (100, 50, 1)}
    of_likes = ("share_slope", "recent_slope", "good_slope", "critic_slope", "praise_slope")
    level = fitted.model_copy(update=dict.fromkeys(of_likes, 0.0))
    by_ratings = {ratings: level.probabilities(pairs).tolist() for ratings, pairs in half_liked.items()}

    assert (fitted.inputs.fewest_ratings, fitted.inputs.most_ratings) == (200, 399)
    assert by_ratings[2] == by_ratings[100] == by_ratings[200]


def test_the_curve_follows_many_pairs_where_a_line_could_not() -> None:
    random = np.random.default_rng(5)
    n = 20_000
    scores = random.random(n)
    # All of the rise is between 0.4 and 0.6.
    truth = np.interp(scores, [0.4, 0.6], [0.1, 0.9])
    pairs = RatedPairs(
        scores=scores,
        ranks=np.zeros(n, np.int64),
        user_likes=np.full(n, 50),
        user_ratings=np.full(n, 100),
        user_stars=np.full(n, 350.0),
        recent_likes=np.full(n, 5.0),
        recent_good=np.full(n, 7.0),
        recent_ratings=np.full(n, 10.0),
        users=np.arange(n),
        liked=random.random(n) < truth,
    )

    probabilities = Calibrator.fit(pairs).probabilities(pairs)

    np.testing.assert_allclose(probabilities, truth, atol=0.08)


def test_scores_that_are_all_equal_can_be_calibrated() -> None:
    pairs = rated_pairs(n=200, seed=3)
    equal = RatedPairs(**(vars(pairs) | {"scores": np.full(200, 0.3)}))

    probabilities = Calibrator.fit(equal).probabilities(equal)

    assert probabilities.mean() == pytest.approx(equal.liked.mean(), abs=0.01)


def test_one_rating_of_a_stranger_moves_all_probabilities_by_its_stars() -> None:
    # As strangers are: the share of positive ratings does not rise with the score, so the curve is nearly flat.
    random = np.random.default_rng(6)
    n = 6000
    likes = random.integers(0, 2, n)
    pairs = RatedPairs(
        scores=random.random(n),
        ranks=random.integers(0, 100, n),
        user_likes=likes,
        user_ratings=np.ones(n, np.int64),
        user_stars=np.where(likes, 4.5, 3.0),
        recent_likes=likes.astype(np.float64),
        recent_good=likes.astype(np.float64),
        recent_ratings=np.ones(n),
        users=np.arange(n),
        liked=random.random(n) < 0.6,
    )
    calibrator = Calibrator.fit(pairs)

    after = {
        (likes, stars): calibrator.probabilities(
            replace(pairs_of_one_user([0.5], likes=likes, ratings=1), user_stars=np.array([stars]))
        )[0]
        for likes, stars in ((0, 1.0), (1, 5.0))
    }
    before = calibrator.probabilities(pairs_of_one_user([0.5], likes=0, ratings=0))[0]

    assert after[0, 1.0] + 0.01 < before < after[1, 5.0] - 0.01


def test_the_probabilities_of_strangers_follow_a_curve_of_their_own() -> None:
    random = np.random.default_rng(7)
    n = 8000
    likes = np.where(np.arange(n) < n // 2, 0, 60)
    scores = random.random(n)
    # Those who rated before like what has a high score; strangers like everything the same.
    truth = np.where(likes, np.interp(scores, [0, 1], [0.2, 0.9]), 0.6)
    pairs = RatedPairs(
        scores=scores,
        ranks=(200 * (1 - scores)).astype(np.int64),
        user_likes=likes,
        user_ratings=2 * likes,
        user_stars=3.5 * 2 * likes,
        recent_likes=np.minimum(likes, 20.0),
        recent_good=np.minimum(likes, 30.0),
        recent_ratings=np.minimum(2 * likes, 40.0),
        users=np.arange(n),
        liked=random.random(n) < truth,
    )

    probabilities = Calibrator.fit(pairs).probabilities(pairs)

    assert probabilities[likes == 0] == pytest.approx(0.6, abs=0.08)
    assert np.corrcoef(probabilities[likes > 0], truth[likes > 0])[0, 1] > 0.95
