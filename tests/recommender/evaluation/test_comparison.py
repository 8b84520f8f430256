from functools import cache

import numpy as np
import pytest

from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import Ratings
from server.recommender.data.splits import Split, temporal_split
from server.recommender.evaluation.card import ModelCard
from server.recommender.evaluation.comparison import Measurement, judge, measure
from server.recommender.training import Training
from tests.support.generated_tastes import CATALOGUE, metrics_of, taste_ratings, train_on, with_movies
from tests.support.tables import for_each


@pytest.fixture(scope="module")
def card() -> ModelCard:
    """A card of 5,760 ratings whose NDCG@10 lies within .28 and .32, with a calibration error of .01."""
    card = trained("popularity").model.card
    true = {"ndcg_at_10": 0.3, "ndcg_at_10_low": 0.28, "ndcg_at_10_high": 0.32, "auc": 0.75}
    true |= {"ece": 0.01, "ece_floor": 0.01}
    return with_metrics(card, **true)


def with_metrics(card: ModelCard, **metrics: float) -> ModelCard:
    return card.model_copy(update={"metrics": metrics_of(card).model_copy(update=metrics)})


def with_data(card: ModelCard, **data: int) -> ModelCard:
    return card.model_copy(update={"data": card.data.model_copy(update=data)})


@cache
def trained(algorithm: str = "ease", *, on_shuffled: bool = False) -> Training:
    """Train once for all tests, which only read the result."""
    ratings = taste_ratings()
    return train_on(shuffled_movies(ratings) if on_shuffled else ratings, algorithm=algorithm)


def shuffled_movies(ratings: Ratings) -> Ratings:
    """Assign every rating to the movie of another one."""
    movie_ids = np.random.default_rng(0).permuted(ratings.movie_ids.reshape(-1, 24), axis=0).ravel()
    return with_movies(ratings, movie_ids)


@pytest.fixture(scope="module")
def sample() -> Split:
    return temporal_split(Interactions.from_ratings(taste_ratings(), CATALOGUE), seed=0)


def test_a_model_passes_if_it_is_the_live_one(card: ModelCard) -> None:
    measurement = Measurement(np.array([0.1, 0.3]), card)

    verdict = judge(measurement, measurement)

    assert verdict.accepted
    assert verdict.reason == (
        "On the same held-out ratings NDCG@10 is 0.2000, that of the live version 0.2000 "
        "(difference +0.0000 to +0.0000): it is not worse."
    )


def test_a_model_that_is_worse_for_everyone_fails_with_the_numbers(card: ModelCard) -> None:
    verdict = judge(Measurement(np.array([0.1, 0.2] * 50), card), Measurement(np.array([0.2, 0.3] * 50), card))

    assert not verdict.accepted
    assert verdict.reason == (
        "On the same held-out ratings NDCG@10 is 0.1500, that of the live version 0.2500 "
        "(difference -0.1000 to -0.1000): the lists are worse."
    )


def test_a_model_that_is_worse_by_chance_alone_passes(card: ModelCard) -> None:
    random = np.random.default_rng(0)
    live = random.random(50)

    assert judge(Measurement(live + random.normal(-0.01, 0.2, 50), card), Measurement(live, card)).accepted


def test_a_fall_below_what_the_live_model_was_when_it_was_trained_fails(card: ModelCard) -> None:
    fallen = with_metrics(card, ndcg_at_10=0.2, ndcg_at_10_high=0.22)
    equal = np.array([0.1, 0.3])

    verdict = judge(Measurement(equal, fallen), Measurement(equal, card))

    assert not verdict.accepted
    assert verdict.reason == (
        "NDCG@10 has fallen from 0.3000 (at least 0.2800) to 0.2000 (at most 0.2200) on a similar number of ratings. "
        "Check the ratings for damage."
    )


def test_probabilities_that_tell_much_less_than_the_live_ones_did_fail(card: ModelCard) -> None:
    equal = np.array([0.1, 0.3])

    verdict = judge(Measurement(equal, with_metrics(card, auc=0.69)), Measurement(equal, card))

    assert not verdict.accepted
    assert (
        verdict.reason
        == "AUC has fallen from 0.7500 to 0.6900 on a similar number of ratings. Check the ratings for damage."
    )
    assert judge(Measurement(equal, with_metrics(card, auc=0.71)), Measurement(equal, card)).accepted


@for_each("data", [{"movies": 161}, {"ratings": 2 * 5760}, {"ratings": 5760 // 2}])
def test_lower_quality_on_other_data_does_not_mean_damage(card: ModelCard, data: dict[str, int]) -> None:
    fallen = with_data(with_metrics(card, ndcg_at_10=0.2, ndcg_at_10_high=0.22, auc=0.6), **data)
    equal = np.array([0.1, 0.3])

    assert judge(Measurement(equal, fallen), Measurement(equal, card)).accepted


def test_poor_calibration_fails_unless_that_of_the_live_version_is_as_poor(card: ModelCard) -> None:
    equal = np.array([0.1, 0.3])
    untrue = Measurement(equal, with_metrics(card, ece=0.2))

    verdict = judge(untrue, Measurement(equal, card))

    assert not verdict.accepted
    assert verdict.reason == "The calibration error is 0.2000, more than 0.0350: the probabilities are not calibrated."
    assert judge(untrue, untrue).accepted


def test_different_users_cannot_be_compared(card: ModelCard) -> None:
    with pytest.raises(ValueError, match="same users"):
        judge(Measurement(np.array([0.1]), card), Measurement(np.array([0.1, 0.2]), card))


def test_a_model_of_shuffled_ratings_does_not_pass(sample: Split) -> None:
    live, new = trained().holdout, trained(on_shuffled=True).holdout

    verdict = judge(measure(new, sample), measure(live, sample))

    assert not verdict.accepted
    assert verdict.reason.endswith("the lists are worse.")


def test_nor_does_it_pass_on_the_shuffled_ratings_themselves() -> None:
    shuffled = trained(on_shuffled=True)

    verdict = judge(measure(shuffled.holdout, shuffled.sample), measure(trained().holdout, shuffled.sample))

    assert not verdict.accepted


def test_a_model_of_a_worse_algorithm_does_not_pass_but_a_better_one_does(sample: Split) -> None:
    ease, popularity = (measure(trained(name).holdout, sample) for name in ("ease", "popularity"))

    assert not judge(popularity, ease).accepted
    assert judge(ease, popularity).accepted


def test_a_model_of_another_catalogue_is_measured_on_the_movies_it_knows(sample: Split) -> None:
    holdout = trained().holdout
    larger = np.append(CATALOGUE, [501, 502])
    wider = temporal_split(Interactions.from_ratings(taste_ratings(), larger), seed=0)
    narrower = temporal_split(Interactions.from_ratings(taste_ratings(), CATALOGUE[:-8]), seed=0)

    of_all, of_more, of_fewer = (measure(holdout, each).ndcg_at_10 for each in (sample, wider, narrower))

    assert of_more.tolist() == of_all.tolist()
    assert of_fewer.tolist() == of_all.tolist()
