"""The inputs of a user's scores: the rated items with weights, and the factors of their weights."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.recommender.algorithms.ease.scoring import Decay, EaseConfig, personal_weights, preference_weight
from server.recommender.data.interactions import Interactions

DECAYS = (Decay(1.0, 1.0), Decay(1.0, 2.0), Decay(10.0, 0.5), Decay(40.0, 0.3))
"""Each gives one sum of weights for the second stage of the ranking."""

TASTE_DECAY = 2
"""The position of the decay with which ratings are summed up to the user's taste."""

RECENT_RATINGS = 10

RERANKED_RATINGS = 10
"""Lists of users with fewer ratings have one stage: their ratings say too little."""

N_SUMS = len(DECAYS) + 4
"""Number of sums of weights: of the score, of each decay, and of plain, negative, and recent ratings."""

NEGATIVE, RECENT, LATEST = N_SUMS - 2, N_SUMS - 1, N_SUMS
"""Columns of the factors. The sum over the latest rating is a single row of weights."""


class Profile(NamedTuple):
    """The inputs of one user's scores."""

    rows: NDArray[np.int32]
    """The rated items with weights, by time."""
    factors: NDArray[np.float32]
    """Those ratings by factors of their weights: of the score, and with a second stage those of other sums."""
    tastes: NDArray[np.float32]
    """The sums of the directions with the same factors, columns of the factors by directions."""
    popularity_weight: float
    """The part of popularity in the score."""
    is_reranked: bool
    """Whether there are enough ratings for a second stage."""


def profiles(
    histories: Interactions,
    rows: NDArray[np.int32],
    directions: NDArray[np.float32],
    config: EaseConfig,
    *,
    with_sums: bool,
) -> Iterator[Profile]:
    """Yield the profile of each user. ``rows`` has the row of each item, -1 for those without weights."""
    positive, negative = personal_weights(histories, prior_likes=config.prior_likes, prior_power=config.prior_power)
    preferences = preference_weight(histories)
    shares = np.where(preferences < 0, histories.broadcast(negative), histories.broadcast(positive))
    factors = _rating_factors(preferences, histories.ages, config.decay, with_sums=with_sums)
    factors[:, 0] *= shares
    places = rows.take(histories.items)
    chosen = np.flatnonzero(places >= 0)
    offsets = chosen.searchsorted(histories.offsets).tolist()
    places, factors = places.take(chosen), factors.take(chosen, axis=0)
    is_reranked = (histories.rating_counts >= RERANKED_RATINGS).tolist()
    for user, weight in enumerate(positive.tolist()):
        part = slice(offsets[user], offsets[user + 1])
        tastes = factors[part].T @ directions.take(places[part], axis=0)
        yield Profile(places[part], factors[part], tastes, 1 - weight, is_reranked[user])


def _rating_factors(
    preferences: NDArray[np.float32], ages: NDArray[np.int64], decay: Decay, *, with_sums: bool
) -> NDArray[np.float32]:
    decays = (decay, *DECAYS) if with_sums else (decay,)
    factors = _factors_by_age(decays, int(ages.max(initial=0)).bit_length()).take(ages, axis=0)
    factors[:, : len(decays)] *= preferences[:, None]
    if with_sums:
        np.minimum(preferences, 0, out=factors[:, NEGATIVE])
        factors[:, LATEST] *= preferences
    return factors if with_sums else factors[:, :1]


@lru_cache(maxsize=64)
def _factors_by_age(decays: tuple[Decay, ...], n_bits: int) -> NDArray[np.float32]:
    """Return the factors of all ages below a power of two. A lookup takes a fraction of the time of a power.

    The weights of the decays are followed by the columns of plain, negative, recent and latest ratings.
    """
    ages = np.arange(2**n_bits)
    ones, is_recent, is_latest = np.ones(ages.size), ages < RECENT_RATINGS, ages == 0
    columns = (*(decay.weights(ages) for decay in decays), ones, ones, is_recent, is_latest)
    return np.column_stack(columns).astype(np.float32)
