import numpy as np
import pytest

from server.recommender.gate import Measurement, judge, measure
from server.recommender.interactions import Interactions, Ratings
from server.recommender.model import TrainedModel
from server.recommender.splits import Split, temporal_split
from server.recommender.training import train
from tests.recommender.generated import CATALOGUE, taste_ratings, with_movies


def measurement(ndcg: list[float], *, ece: float = 0.01) -> Measurement:
    return Measurement(np.array(ndcg), ece=ece, ece_floor=0.01)


def train_on(ratings: Ratings, algorithm: str = "ease") -> TrainedModel:
    return train(ratings, CATALOGUE, algorithm=algorithm, seed=0, on_progress=lambda *_: None)


@pytest.fixture(scope="module")
def sample() -> Split:
    return temporal_split(Interactions.from_ratings(taste_ratings(), CATALOGUE), seed=0)


def test_a_model_passes_if_it_is_the_live_one() -> None:
    verdict = judge(measurement([0.1, 0.3]), measurement([0.1, 0.3]))

    assert verdict.is_passed
    assert verdict.reason == (
        "NDCG@10 is 0.2000, the live model's 0.2000 on the same ratings (difference +0.0000 to +0.0000): "
        "it is not worse."
    )


def test_a_model_that_is_worse_for_everyone_fails_with_the_numbers() -> None:
    verdict = judge(measurement([0.1, 0.2] * 50), measurement([0.2, 0.3] * 50))

    assert not verdict.is_passed
    assert verdict.reason == (
        "NDCG@10 is 0.1500, the live model's 0.2500 on the same ratings (difference -0.1000 to -0.1000): "
        "the lists are worse."
    )


def test_a_model_that_is_worse_by_chance_alone_passes() -> None:
    random = np.random.default_rng(0)
    live = random.random(50)

    assert judge(measurement((live + random.normal(-0.01, 0.2, 50)).tolist()), measurement(live.tolist())).is_passed


def test_probabilities_that_are_not_true_fail_unless_the_live_ones_are_no_truer() -> None:
    untrue = measurement([0.1, 0.3], ece=0.2)

    verdict = judge(untrue, measurement([0.1, 0.3]))

    assert not verdict.is_passed
    assert verdict.reason == "The calibration error is 0.2000, more than 0.0350: the probabilities are not true."
    assert judge(untrue, untrue).is_passed


def test_different_users_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same users"):
        judge(measurement([0.1]), measurement([0.1, 0.2]))


def test_a_model_of_shuffled_ratings_does_not_pass(sample: Split) -> None:
    ratings = taste_ratings()
    shuffled_movies = np.random.default_rng(0).permuted(ratings.movie_ids.reshape(240, 24), axis=0).ravel()

    live, new = train_on(ratings), train_on(with_movies(ratings, shuffled_movies))

    verdict = judge(measure(new, sample), measure(live, sample))
    assert not verdict.is_passed
    assert verdict.reason.endswith("the lists are worse.")


def test_a_model_of_a_worse_algorithm_does_not_pass_but_a_better_one_does(sample: Split) -> None:
    ease, popularity = (measure(train_on(taste_ratings(), name), sample) for name in ("ease", "popularity"))

    assert not judge(popularity, ease).is_passed
    assert judge(ease, popularity).is_passed
