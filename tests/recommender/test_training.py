from dataclasses import replace
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from server.errors import InvalidInputError
from server.recommender.algorithms.base import Algorithm
from server.recommender.algorithms.ease.scoring import EaseConfig
from server.recommender.algorithms.popularity import Popularity, PopularityConfig
from server.recommender.algorithms.registry import ALGORITHMS, TUNERS, get_algorithm, tune
from server.recommender.calibration import Calibrator
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.holdouts import Holdouts
from server.recommender.data.interactions import Interactions, Source
from server.recommender.data.pairs import RatedPairs
from server.recommender.data.ratings import Ratings
from server.recommender.data.splits import SPLITS, Split, temporal_split
from server.recommender.evaluation.calibration_metrics import reliability_table
from server.recommender.evaluation.card import DataSummary
from server.recommender.evaluation.ranking_metrics import rank
from server.recommender.model import TrainedModel
from server.recommender.training import _deal_users, cross_calibrate, evaluate_algorithms, train
from tests.support.generated_tastes import (
    CATALOGUE,
    latest_ratings,
    metrics_of,
    ratings_of,
    shuffled,
    taste_catalogue,
    taste_ratings,
    train_on,
)
from tests.support.tables import for_each

POISON = 0.01
"""Stars added to held-out ratings: no rating becomes positive, but code that reads them can detect it."""

Tasting = tuple[str, bool]
"""The purpose of some ratings, and whether they were poisoned."""

NO_POISON: list[Tasting] = [
    ("tuned on", False),
    ("tuned for", False),
    ("tuned for new users", False),
    ("tuned for what is known", False),
    ("fitted on", False),
]

every_algorithm = for_each("algorithm", sorted(ALGORITHMS))


def train_quietly(ratings: Ratings, algorithm: str, *, seed: int = 0) -> TrainedModel:
    return train_on(ratings, algorithm=algorithm, seed=seed).model


def in_two_sessions(ratings: Ratings) -> Ratings:
    """Let each user rate the last four movies two days after the others."""
    return replace(ratings, rated_at=np.where(ratings.rated_at >= 20, ratings.rated_at + 2 * 86_400, ratings.rated_at))


def poisoned(ratings: Ratings, split: str) -> Ratings:
    """Poison the ratings that a split with seed 0 holds out."""
    held_out = SPLITS[split](Interactions.from_ratings(ratings, CATALOGUE), seed=0).held_out
    pairs = _pairs(held_out)
    # Users and items are numbered from 0, the ids of these ratings from 1.
    is_held_out = [pair in pairs for pair in zip(ratings.user_ids - 1, ratings.movie_ids - 1, strict=True)]
    return replace(ratings, ratings=ratings.ratings + POISON * np.array(is_held_out, np.float32))


@pytest.fixture
def tastings(monkeypatch: pytest.MonkeyPatch) -> list[Tasting]:
    """Register an algorithm "taster" and return its record of calls: purpose, and whether ratings were poisoned."""
    notes: list[Tasting] = []

    def taste(purpose: str, source: Source) -> None:
        notes.append((purpose, bool(np.any(source.in_memory().stars % 0.5))))

    def tune_taster(holdouts: Holdouts, config: PopularityConfig, **_others: object) -> PopularityConfig:
        taste("tuned on", holdouts.rest)
        taste("tuned for", holdouts.split.held_out)
        taste("tuned for new users", holdouts.new_users)
        known, held_out = holdouts.split.known, holdouts.split.held_out
        notes.append(("tuned for what is known", not _pairs(known).isdisjoint(_pairs(held_out))))
        return config

    class Taster(Popularity):
        name = "taster"

        @classmethod
        def fit(
            cls, source: Source, config: PopularityConfig, *, seed: int, catalogue: Catalogue | None = None
        ) -> Self:
            taste("fitted on", source)
            return super().fit(source, config, seed=seed, catalogue=catalogue)

        def score(self, histories: Interactions) -> NDArray[np.float64]:
            taste("scored", histories)
            return super().score(histories)

    monkeypatch.setitem(ALGORITHMS, Taster.name, Taster)
    monkeypatch.setitem(TUNERS, Taster.name, tune_taster)
    return notes


@every_algorithm
def test_the_same_ratings_in_any_order_and_the_same_seed_train_the_same_model(algorithm: str) -> None:
    one, other = (train_quietly(shuffled(taste_ratings(), seed=order), algorithm, seed=7) for order in (1, 2))

    assert one.card == other.card
    assert one.calibrators == other.calibrators
    for name, array in one.algorithm.arrays().items():
        assert np.array_equal(array, other.algorithm.arrays()[name]), name


def test_the_card_says_what_the_model_was_made_from() -> None:
    card = train_quietly(taste_ratings(), "nmf", seed=7).card

    assert (card.algorithm, card.seed) == ("nmf", 7)
    assert card.parameters == {"factors": 20, "iterations": 100, "ridge": 1.0, "prior_likes": 0.5}
    assert card.data == DataSummary(
        ratings=240 * 24, users=240, movies=160, newest_rating=23, modelled_movies=152, modelled_ratings=240 * 24
    )


def test_probabilities_are_measured_on_all_held_out_ratings() -> None:
    card = train_quietly(taste_ratings(), "popularity").card

    assert metrics_of(card).calibration_pairs == 240 * (24 // 5)
    assert sum(row.pairs for row in card.calibration) == metrics_of(card).calibration_pairs


def test_the_probabilities_on_generated_tastes_are_true() -> None:
    metrics = metrics_of(train_quietly(taste_ratings(n_users=480), "nmf").card)

    assert metrics.auc > 0.6
    assert metrics.ece < 0.06
    assert metrics.brier < 0.24


def test_the_final_fit_has_seen_all_ratings() -> None:
    ratings = taste_ratings()

    model = train_quietly(ratings, "popularity")

    likes = np.bincount(ratings.movie_ids[ratings.ratings >= 4], minlength=161)[1:]
    assert model.algorithm.arrays()["popularity"].tolist() == (likes / 240).tolist()


def test_progress_names_the_stages_and_rises() -> None:
    heard: list[tuple[str, float]] = []

    train(
        Interactions.from_ratings(taste_ratings(), CATALOGUE),
        Catalogue.of_ids(CATALOGUE),
        algorithm="popularity",
        seed=0,
        on_progress=lambda stage, share: heard.append((stage, share)),
    )

    stages = ["splitting", "tuning", "fitting", "evaluating", "calibrating", "refitting"]
    assert [stage for stage, _ in heard] == stages
    shares = [share for _, share in heard]
    assert shares == sorted(set(shares))
    assert 0 <= shares[0] < shares[-1] <= 1


def test_an_exception_of_the_progress_callback_ends_the_training() -> None:
    def cancel(stage: str, share: float) -> None:
        if share > 0:
            raise InterruptedError(stage)

    interactions = Interactions.from_ratings(taste_ratings(), CATALOGUE)

    with pytest.raises(InterruptedError, match="tuning"):
        train(interactions, Catalogue.of_ids(CATALOGUE), algorithm="nmf", seed=0, on_progress=cancel)


@every_algorithm
def test_a_few_hundred_ratings_are_enough(algorithm: str) -> None:
    model = train_quietly(taste_ratings(n_users=12), algorithm)

    assert model.card.data.ratings == 288
    assert metrics_of(model.card).evaluated_users <= 12


def test_the_least_that_can_be_trained_on_can_be_trained_on() -> None:
    model = train_quietly(latest_ratings([4.0, 4.0, *[3.0] * 8]), "nmf")

    assert metrics_of(model.card).evaluated_users == 2
    assert metrics_of(model.card).calibration_pairs == 10


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="Unknown algorithm 'best'"):
        train_quietly(taste_ratings(), "best")


def test_algorithms_are_compared_on_what_training_measures_on() -> None:
    ratings = taste_ratings()

    evaluations = evaluate_algorithms(ratings, taste_catalogue(), algorithms=["popularity", "nmf"], seed=3)

    cards = [train_quietly(ratings, algorithm, seed=3).card for algorithm in ("popularity", "nmf")]
    assert [evaluation.model_dump() for evaluation in evaluations] == [
        card.model_dump(exclude={"seed", "data"}) for card in cards
    ]


@every_algorithm
def test_held_out_ratings_change_neither_settings_nor_fit_nor_lists(algorithm: str) -> None:
    honest = taste_ratings()
    # Each user's last four of 24 ratings are held out; the poison turns their stars round.
    is_held_out = honest.rated_at >= 20
    stars = np.where(is_held_out, 5.5 - honest.ratings, honest.ratings)
    poisoned = Ratings(honest.user_ids, honest.movie_ids, stars, honest.rated_at)

    one, other = (
        (split := temporal_split(Interactions.from_ratings(ratings, CATALOGUE), seed=0), _fitted(split, algorithm))
        for ratings in (honest, poisoned)
    )

    assert one[1].config == other[1].config
    assert [array.tolist() for array in one[1].arrays().values()] == [
        array.tolist() for array in other[1].arrays().values()
    ]
    assert rank(one[1], one[0]).lists.tolist() == rank(other[1], other[0]).lists.tolist()


@for_each("split", sorted({*SPLITS} - {"next-session"}))
def test_an_evaluation_keeps_what_is_held_out_from_tuning_fit_and_scores(split: str, tastings: list[Tasting]) -> None:
    ratings = poisoned(taste_ratings(), split)
    tastings.clear()

    evaluate_algorithms(ratings, taste_catalogue(), algorithms=["taster"], seed=0, split=split)

    assert tastings[: len(NO_POISON)] == NO_POISON
    assert next(note for note in tastings if note[0] == "scored") == ("scored", False)


def test_a_training_lets_only_the_final_fit_see_what_is_held_out(tastings: list[Tasting]) -> None:
    train_quietly(poisoned(taste_ratings(), "temporal"), "taster")

    # The first fit is measured on what is poisoned, the second on new users, the third is the final one.
    assert tastings[: len(NO_POISON)] == NO_POISON
    assert next(note for note in tastings if note[0] == "scored") == ("scored", False)
    assert [note for note in tastings if note[0] == "fitted on"] == [
        ("fitted on", False),
        ("fitted on", True),
        ("fitted on", True),
    ]


def test_each_part_of_the_users_gets_the_probabilities_of_a_calibrator_of_the_others() -> None:
    pairs = _held_out_pairs(taste_ratings(n_users=40))

    probabilities = cross_calibrate(pairs, seed=0)

    for part in _deal_users(pairs, seed=0):
        is_measured = np.isin(pairs.users, part)
        expected = Calibrator.fit(pairs.where(~is_measured)).probabilities(pairs.where(is_measured))
        assert probabilities[is_measured].tolist() == expected.tolist()


def test_the_reported_calibration_is_the_one_on_users_the_calibrator_has_not_seen() -> None:
    ratings = taste_ratings()
    pairs = _held_out_pairs(ratings)

    (evaluation,) = evaluate_algorithms(ratings, taste_catalogue(), algorithms=["popularity"], seed=0)
    card = train_quietly(ratings, "popularity").card

    expected = reliability_table(cross_calibrate(pairs, seed=0), pairs.liked)
    assert evaluation.calibration == card.calibration == expected
    assert expected != reliability_table(Calibrator.fit(pairs).probabilities(pairs), pairs.liked)


def test_every_user_is_in_one_part_and_the_others_of_each_part_have_both_outcomes() -> None:
    n_users = 10
    users = np.repeat(np.arange(n_users), 4)
    # Two users have another outcome than the rest.
    liked = np.where(users < 2, np.arange(users.size) % 4 == 0, True)  # noqa: FBT003 (an outcome, not a flag)
    pairs = replace(_held_out_pairs(taste_ratings(n_users=n_users)), users=users, liked=liked)

    parts = _deal_users(pairs, seed=0)

    assert sorted(np.concatenate(parts).tolist()) == list(range(n_users))
    for part in parts:
        assert set(liked[~np.isin(users, part)].tolist()) == {True, False}


def test_memory_bounds_the_movies_with_weights_and_the_other_rated_ones_have_factors() -> None:
    random = np.random.default_rng(0)
    # A megabyte holds about 300 of these 700 movies, of which the last ones are rated most.
    many = np.sort([random.choice(700, 20, replace=False, p=np.arange(1, 701) / 245_350) for _ in range(300)])
    stars = np.where(random.random(many.shape) < 0.6, 5.0, 2.0)
    rows = [
        (user + 1, int(movie) + 1, float(star), time)
        for user, movies in enumerate(many)
        for time, (movie, star) in enumerate(zip(random.permutation(movies), stars[user], strict=True))
    ]

    model = train(
        Interactions.from_ratings(ratings_of(rows), np.arange(1, 701)),
        Catalogue.of_ids(np.arange(1, 701)),
        algorithm="ease",
        seed=0,
        on_progress=lambda *_: None,
        memory_mb=1,
    ).model

    n_rated, data = np.unique(many).size, model.card.data
    assert model.card.parameters["weights_mb"] == 1
    assert model.algorithm.scoring_items.size == EaseConfig(weights_mb=1).max_items(n_rated)
    assert (data.modelled_movies, data.modelled_ratings) == (n_rated, data.ratings)
    assert metrics_of(model.card).modelled_likes > 0.95


@for_each("split", sorted(SPLITS))
def test_algorithms_can_be_compared_on_every_split(split: str) -> None:
    ratings = in_two_sessions(taste_ratings())

    evaluations = evaluate_algorithms(
        ratings, taste_catalogue(), algorithms=["popularity", "ease"], seed=0, split=split
    )

    popular, personal = (evaluation.metrics for evaluation in evaluations)
    assert personal.ndcg_at_10 > popular.ndcg_at_10
    assert popular.ndcg_at_10_low <= popular.ndcg_at_10 <= popular.ndcg_at_10_high


def _pairs(interactions: Interactions) -> set[tuple[int, int]]:
    return set(zip(interactions.users.tolist(), interactions.items.tolist(), strict=True))


def _fitted(split: Split, algorithm: str) -> Algorithm[Any]:
    chosen = get_algorithm(algorithm)
    config = tune(chosen, Holdouts.of(split.known, temporal_split, seed=0), chosen.config_class(), seed=0)
    return chosen.fit(split.known, config, seed=0)


def _held_out_pairs(ratings: Ratings) -> RatedPairs:
    split = temporal_split(Interactions.from_ratings(ratings, CATALOGUE), seed=0)
    return rank(_fitted(split, "popularity"), split).pairs
