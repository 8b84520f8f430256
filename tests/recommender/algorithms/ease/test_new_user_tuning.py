import numpy as np

from server.recommender.algorithms.ease.new_user_tuning import choose_recent_popularity
from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import Ratings
from tests.support.tables import for_each

N_USERS, N_MOVIES, N_RATINGS = 600, 200, 20


def ratings_of_users(newest_movies: int, *, seed: int) -> Interactions:
    """Users who join one after the other. The latest choose half of their movies from a few, the others from many."""
    random = np.random.default_rng(seed)
    users = np.repeat(np.arange(N_USERS), N_RATINGS)
    movies = []
    for user in range(N_USERS):
        among = newest_movies if user >= 0.7 * N_USERS else 100
        always = random.choice(100, N_RATINGS // 2, replace=False, p=np.arange(100, 0, -1) / 5050)
        movies.append(np.append(always, 100 + random.choice(among, N_RATINGS // 2, replace=False)))
    moments = users * 1000 + np.tile(np.arange(N_RATINGS), N_USERS)
    stars = np.full(users.size, 5, np.float32)
    columns = Ratings(users + 1, np.concatenate(movies) + 1, stars, moments)
    return Interactions.from_ratings(columns, np.arange(1, N_MOVIES + 1))


@for_each(("newest_movies", "pays"), [(30, True), (100, False)])
def test_recent_popularity_is_weighed_in_where_it_pays(newest_movies: int, pays: bool) -> None:  # noqa: FBT001 (a parameter of the test)
    interactions = ratings_of_users(newest_movies, seed=5)

    weight = choose_recent_popularity(interactions, np.arange(N_MOVIES), seed=0)

    assert (weight > 0) == pays
