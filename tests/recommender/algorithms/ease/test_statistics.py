import numpy as np

from server.recommender.algorithms.ease.scoring import NO_DECAY, EaseConfig, weighted_matrix
from server.recommender.algorithms.ease.statistics import CooccurrenceStatistics, in_order
from server.recommender.data.interactions import Interactions
from tests.support.generated_tastes import ratings_of

SESSION = 50
ITEMS = np.arange(120)


def many_sessions() -> Interactions:
    """Return the ratings of users with up to three sessions, at other times in another order."""
    random = np.random.default_rng(0)
    rows = [
        (user, int(movie), float(random.integers(1, 11)) / 2, time)
        for user in range(1, 9)
        for time, movie in enumerate(random.permutation(ITEMS)[: 15 * user])
    ]
    return Interactions.from_ratings(ratings_of(rows), ITEMS)


def test_whole_histories_and_sessions_are_summed_up_into_one_matrix() -> None:
    ratings = many_sessions()
    statistics = CooccurrenceStatistics.gather(ratings, ITEMS, EaseConfig())

    rows = weighted_matrix(ratings, ITEMS, NO_DECAY).toarray().astype(np.float64)
    ages = np.full(rows.shape, -1)
    ages[ratings.users, ratings.items] = ratings.ages
    sessions = np.concatenate([np.where(ages // SESSION == number, rows, 0) for number in range(3)])
    whole, of_sessions = rows.T @ rows, sessions.T @ sessions
    assert np.abs(whole - of_sessions).max() > 1
    order = np.argsort(statistics.order)
    parts = [statistics.whole(slice(start, start + 40)) for start in range(0, ITEMS.size, 40)]
    np.testing.assert_allclose(np.concatenate(parts), whole[np.ix_(order, order)], atol=1e-4)
    basis = np.random.default_rng(1).random((ITEMS.size, 3), np.float32)
    np.testing.assert_allclose(statistics.project(basis), whole[np.ix_(order, order)] @ basis, rtol=1e-4, atol=1e-3)
    together = statistics.together()
    together = in_order(np.tril(together) + np.tril(together, -1).T, statistics.order)
    np.testing.assert_allclose(together, (whole + of_sessions) / 2, atol=1e-4)
