import numpy as np

from server.recommender.algorithms.ease.scoring import NO_DECAY, Decay
from server.recommender.algorithms.ease.tuning_sample import TuningSample
from server.recommender.data.interactions import Interactions
from server.recommender.data.splits import temporal_split
from tests.support.generated_tastes import CATALOGUE, taste_ratings

TASTES = Interactions.from_ratings(taste_ratings(), CATALOGUE)


def test_the_scores_with_any_decay_follow_from_those_by_age() -> None:
    items = np.arange(2, 90)
    sample = TuningSample.of(temporal_split(TASTES, seed=0), items, seed=0)
    assert sample is not None
    weights = np.random.default_rng(0).random((items.size, items.size)).astype(np.float32)

    parts = sample.score_parts(weights)

    np.testing.assert_allclose(parts.scores(NO_DECAY), sample.scores(weights, NO_DECAY), rtol=1e-4, atol=1e-4)
    for decay in (Decay(1.0, 1.0), Decay(5.0, 0.5), Decay(30.0, 0.25)):
        direct = sample.scores(weights, decay)
        # Between the knots the decay is interpolated.
        np.testing.assert_allclose(parts.scores(decay), direct, atol=0.04 * np.abs(direct).max())
