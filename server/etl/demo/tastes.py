"""A generative model of ratings: users watch films that are famous, and films that appeal to them.

A user is a mixture of a few tastes, with preferences for genres and for an era. The appeal of a film and its fame
determine whether the user has seen it. Its appeal and its quality determine the stars that the user gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Integers = NDArray[np.int64]

_USERS = 300
_FEWEST_RATINGS, _MOST_RATINGS = 40, 120

_SECOND_TASTE = 0.6
# A smaller concentration makes users whose mixture is dominated by one taste.
_TASTE_CONCENTRATION = 0.15
_TASTE_APPEAL, _GENRE_APPEAL, _ERA_APPEAL = 3.2, 0.25, 0.5
_ERA_YEARS = 25.0
_FAME_ON_CHOICE, _APPEAL_ON_CHOICE = 0.35, 1.6
_APPEAL_ON_STARS, _USER_ON_STARS, _NOISE_ON_STARS = 0.6, 0.3, 0.65
# Users who choose a film like it more than average. A film's stars are the mean over those users.
_STARS_OF_CHOICE = -0.5

_LAST_DAY = datetime(2024, 12, 31, tzinfo=UTC)
_DAYS = 360
_RATINGS_PER_SESSION = 20


@dataclass(frozen=True, slots=True)
class Film:
    """The parameters of a film: ``fame`` from 1 to 10, and ``stars``, its mean rating."""

    movie_id: int
    year: int
    genres: list[str]
    tastes: list[str]
    fame: int
    stars: float


def rate_films(films: Sequence[Film], seed: int) -> Iterator[tuple[int, int, float, int]]:
    """Yield ``(user_id, movie_id, rating, seconds since 1970)`` by user and movie, the same for the same seed."""
    rng = np.random.default_rng(seed)
    appeal = _appeal(films, rng)
    fame = np.array([film.fame for film in films])
    stars = np.array([film.stars for film in films]) + _STARS_OF_CHOICE
    expected = stars + _APPEAL_ON_STARS * appeal + rng.normal(0, _USER_ON_STARS, (_USERS, 1))
    ratings = np.clip(np.round(2 * rng.normal(expected, _NOISE_ON_STARS)) / 2, 0.5, 5.0)
    # The largest scores after adding Gumbel noise are a sample without replacement.
    choice = _FAME_ON_CHOICE * fame + _APPEAL_ON_CHOICE * appeal + rng.gumbel(size=appeal.shape)
    for user in range(_USERS):
        chosen = np.sort(np.argsort(-choice[user])[: rng.integers(_FEWEST_RATINGS, _MOST_RATINGS + 1)])
        seconds = _draw_seconds(chosen.size, rng)
        for film, second in zip(chosen, seconds, strict=True):
            yield user + 1, films[film].movie_id, float(ratings[user, film]), int(second)


def _appeal(films: Sequence[Film], rng: Generator) -> _Floats:
    """Draw users and return the appeal of each film to each, shape (users, films), centred for every user."""
    tastes = _memberships([film.tastes for film in films], decay=_SECOND_TASTE)
    genres = _memberships([film.genres for film in films], decay=1.0)
    mixes = rng.dirichlet(np.full(tastes.shape[1], _TASTE_CONCENTRATION), _USERS)
    leanings = rng.normal(0, _GENRE_APPEAL, (_USERS, genres.shape[1]))
    favourite_years = rng.normal(1998, _ERA_YEARS / 2, (_USERS, 1))
    distances = (np.array([film.year for film in films]) - favourite_years) / _ERA_YEARS
    appeal = _TASTE_APPEAL * mixes @ tastes.T + leanings @ genres.T + _ERA_APPEAL * np.exp(-(distances**2) / 2)
    centred: _Floats = appeal - appeal.mean(axis=1, keepdims=True)
    return centred


def _memberships(labels: Sequence[Sequence[str]], decay: float) -> _Floats:
    """Return a (films, labels) matrix: 1 for a film's first label, ``decay`` for its second, and so on."""
    names = sorted({name for film_labels in labels for name in film_labels})
    matrix = np.zeros((len(labels), len(names)))
    for row, film_labels in enumerate(labels):
        for rank, name in enumerate(film_labels):
            matrix[row, names.index(name)] = decay**rank
    return matrix


def _draw_seconds(count: int, rng: Generator) -> _Integers:
    """Draw the times of a user's ratings in random order: a few evenings, with about two ratings a minute."""
    evenings = rng.integers(1, _DAYS, size=1 + count // _RATINGS_PER_SESSION)
    pauses = rng.integers(5, 60, size=count).cumsum()
    starts = int(_LAST_DAY.timestamp()) - 86_400 * rng.choice(evenings, size=count)
    return rng.permutation(starts + pauses)
