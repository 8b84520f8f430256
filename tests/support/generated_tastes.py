"""Ratings made for the tests: small, with answers that are known by construction."""

import numpy as np
from numpy.typing import NDArray

from server.recommender.data.catalogue import Catalogue
from server.recommender.data.interactions import Interactions
from server.recommender.data.ratings import History, Ratings
from server.recommender.evaluation.card import Metrics, ModelCard
from server.recommender.training import Training, train

CATALOGUE = np.arange(1, 161)
"""The movies of ``taste_ratings``: four kinds, 40 of each; the last two of each kind nobody rates."""


KINDS = ("Comedy", "Crime", "Drama", "Horror")
"""The genres of the four kinds."""


def taste_catalogue() -> Catalogue:
    """Describe the movies of ``taste_ratings``: each is of its kind's genre, and the newer the larger its id."""
    return Catalogue.of_movies((movie, 1940 + movie // 2, [KINDS[movie % 4]]) for movie in CATALOGUE.tolist())


def train_on(ratings: Ratings, *, algorithm: str = "nmf", seed: int = 0) -> Training:
    """Train on ratings of the movies of ``CATALOGUE``."""
    interactions = Interactions.from_ratings(ratings, CATALOGUE)
    return train(interactions, taste_catalogue(), algorithm=algorithm, seed=seed, on_progress=lambda *_: None)


def metrics_of(card: ModelCard) -> Metrics:
    """Return the metrics of a model that was measured."""
    assert card.metrics is not None
    return card.metrics


def ratings_of(rows: list[tuple[int, int, float, int]]) -> Ratings:
    """Build ratings from rows of user, movie, stars and time."""
    users, movies, stars, times = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Ratings(
        np.array(users, np.int64), np.array(movies, np.int64), np.array(stars, np.float32), np.array(times, np.int64)
    )


def latest_ratings(stars: list[float]) -> Ratings:
    """Return one user for each of the stars, with four earlier ratings and this latest one."""
    rows = []
    for user, latest in enumerate(stars, start=1):
        rows += [(user, movie, 4.0, movie) for movie in range(1, 5)]
        rows += [(user, 5, latest, 5)]
    return ratings_of(rows)


def history_of(stars: dict[int, float]) -> History:
    """Build a history from the stars of each movie, rated in that order."""
    return History(
        np.array(list(stars), np.int64),
        np.array(list(stars.values()), np.float32),
        np.arange(len(stars), dtype=np.int64),
    )


def taste_ratings(*, n_users: int = 240, seed: int = 0) -> Ratings:
    """Ratings by users who each have one of four tastes, seek the movies of their kind out, and mostly like them.

    Movie ``m`` is of kind ``m % 4``, and the more popular the smaller ``m`` is. 24 ratings a user.
    """
    random = np.random.default_rng(seed)
    rated = CATALOGUE[:-8]
    rows = []
    for user in range(1, n_users + 1):
        is_own = rated % 4 == user % 4
        appeal = np.where(is_own, 3, 1) / (rated + 20)
        movies = random.choice(rated, 24, replace=False, p=appeal / appeal.sum())
        likes = random.random(24) < np.where(movies % 4 == user % 4, 0.85, 0.25)
        stars = np.where(likes, random.choice([4.0, 4.5, 5.0], 24), random.choice([1.0, 2.5, 3.5], 24))
        rows += [
            (user, int(movie), float(star), time) for time, (movie, star) in enumerate(zip(movies, stars, strict=True))
        ]
    return ratings_of(rows)


def rows_of(ratings: Ratings, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Ratings:
    """Take some of the ratings, in the order of ``rows``."""
    return Ratings(ratings.user_ids[rows], ratings.movie_ids[rows], ratings.ratings[rows], ratings.rated_at[rows])


def shuffled(ratings: Ratings, *, seed: int) -> Ratings:
    """Put the same ratings in another order."""
    return rows_of(ratings, np.random.default_rng(seed).permutation(len(ratings)))


def with_movies(ratings: Ratings, movie_ids: NDArray[np.int64]) -> Ratings:
    """Put other movies in; where a user gets one twice, only the first of the rows stays."""
    changed = Ratings(ratings.user_ids, movie_ids, ratings.ratings, ratings.rated_at)
    return rows_of(changed, np.unique(np.stack([ratings.user_ids, movie_ids]), axis=1, return_index=True)[1])
