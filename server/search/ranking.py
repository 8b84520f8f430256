"""The order of the hits: one number a movie, made of how well it fits the query and how popular it is.

    relevance = fit + log10(1 + popularity)

So the weights are powers of ten: fitting better by 1 outweighs ten times fewer ratings. A movie's fit is that of the
best way to find the words in it: they stand somewhere in one of its names (``FIT``), or the first or the last of them
are its genre or its year ("heat 1995"), and then the fit is the mean of the two. What the meanings of the words cost
is taken off (see ``server.search.readings``).
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from server.search.postings import END_OF_NAME, Excerpt, Field, Indices
from server.search.readings import Costs, Meaning, Reading


class Standing(IntEnum):
    """How the words of a query stand in a name that has them all."""

    SCATTERED = 0
    TOGETHER = 1
    BEGINNING = 2
    REORDERED = 3  # all words of the name, in another order
    WHOLE = 4


FIT = np.array([
    # SCATTERED, TOGETHER, BEGINNING, REORDERED, WHOLE
    (1.2, 1.8, 2.4, 2.8, 3.2),  # Field.TITLE
    (1.1, 1.6, 2.2, 2.5, 2.9),  # Field.ALTERNATIVE_TITLE
    (1.0, 1.0, 1.0, 1.0, 1.0),  # Field.DESCRIPTION
])  # fmt: skip
"""By field and standing."""
CLOSE = np.array([0.5, 0.4, 0.0])
"""By field: what scattered words gain the closer they stand."""
IN_SEVERAL_NAMES = 0.0
"""For words of which some stand in one name of the movie, some in another."""
MOST_DESCRIBING_WORDS = 4
"""As in "sci-fi action 1999"; a limit, because each number of words is tried."""

Fit = NDArray[np.float64]


def popularity_weight(popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what numbers of ratings, 0 or more, add to the fit."""
    weight: NDArray[np.float64] = np.log10(1.0 + popularity)
    return weight


def best_fit(excerpt: Excerpt, reading: Reading, *, n_words: int) -> Fit:
    """Return, by movie of the excerpt, how well it fits, or -inf where a word is missing.

    ``n_words`` is the size of the vocabulary.
    """
    if not excerpt.movies.size:
        return np.empty(0)
    is_description = (excerpt.field == Field.DESCRIPTION)[excerpt.name]
    costs = [_costs(excerpt, meaning, n_words, is_description) for meaning in reading.meanings]
    if reading.split is not None:
        _keep_together(*costs[reading.split : reading.split + 2])
    best: Fit = IN_SEVERAL_NAMES - np.sum([_least(cost, excerpt.start_of_movie) for cost in costs], axis=0)
    if not np.isfinite(best).any():
        return best
    np.maximum.at(best, *_fits_of_names(excerpt, costs))
    np.maximum.at(best, *_fits_of_phrases(excerpt, costs))
    described = [_least(np.where(is_description, cost, np.inf), excerpt.start_of_movie) for cost in costs]
    for in_name, in_description in _ways_to_describe(len(costs)):
        cost = np.sum(described[in_description], axis=0)
        if not np.isfinite(cost).any():
            continue
        movies, fits = _fits_of_phrases(excerpt, costs[in_name])
        np.maximum.at(best, movies, (fits + FIT[Field.DESCRIPTION, Standing.WHOLE]) / 2 - cost[movies])
    return best


def _costs(excerpt: Excerpt, meaning: Meaning, n_words: int, is_description: NDArray[np.bool_]) -> Costs:
    """Return, by place, what it costs to take the word there for the one meant; inf where that is impossible."""
    of_words = np.full(n_words + 1, np.inf)
    np.minimum.at(of_words, meaning.words, meaning.costs)
    costs = of_words[excerpt.word]
    if meaning.described_by.size:
        costs[is_description & np.isin(excerpt.word, meaning.described_by)] = 0
    return costs


def _keep_together(head: Costs, tail: Costs) -> None:
    """Leave only the places where one stands right before the other."""
    is_apart = ~(np.isfinite(head[:-1]) & np.isfinite(tail[1:]))
    head[:-1][is_apart] = tail[1:][is_apart] = np.inf
    head[-1] = tail[0] = np.inf


def _ways_to_describe(n_words: int) -> Iterator[tuple[slice, slice]]:
    """Yield which words of a query stand in a name and which in the description: those last, or those first."""
    for n_describing in range(1, min(n_words, MOST_DESCRIBING_WORDS + 1)):
        yield slice(-n_describing), slice(-n_describing, None)
        yield slice(n_describing, None), slice(n_describing)


def _least(costs: Costs, starts: Indices) -> Costs:
    return np.minimum.reduceat(costs, starts)


def _fits_of_names(excerpt: Excerpt, costs: Sequence[Costs]) -> tuple[Indices, Fit]:
    """Return the movies with a name that has all the words, in whatever order, and how well it fits."""
    cost = np.sum([_least(cost, excerpt.start_of_name) for cost in costs], axis=0)
    names = np.flatnonzero(np.isfinite(cost))
    field = excerpt.field[names]
    is_found: NDArray[np.bool_] = np.any(np.isfinite(costs), axis=0)
    places = np.arange(is_found.size)
    first = np.minimum.reduceat(np.where(is_found, places, is_found.size), excerpt.start_of_name)[names]
    last = np.maximum.reduceat(np.where(is_found, places, -1), excerpt.start_of_name)[names]
    closeness = np.minimum(1, len(costs) / (last - first + 1))
    fit = np.where(
        _are_whole(excerpt, is_found)[names],
        FIT[field, Standing.REORDERED],
        FIT[field, Standing.SCATTERED] + CLOSE[field] * closeness,
    )
    return excerpt.movie[names], fit - cost[names]


def _are_whole(excerpt: Excerpt, is_found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return, by name, whether all its words are found, but for the article in front."""
    is_article = excerpt.is_beginning & np.append(excerpt.is_beginning[1:], False)
    is_missing = ~is_found & ~is_article & (excerpt.word != END_OF_NAME)
    return ~np.logical_or.reduceat(is_missing, excerpt.start_of_name)


def _fits_of_phrases(excerpt: Excerpt, costs: Sequence[Costs]) -> tuple[Indices, Fit]:
    """Return the movies in whose names the words stand together, and how well they fit, once for each place."""
    # No name is as long as to reach past its end, whose cost is inf.
    n_starts = max(0, excerpt.word.size - len(costs))
    cost = np.sum([cost[distance : distance + n_starts] for distance, cost in enumerate(costs)], axis=0)
    starts = np.flatnonzero(np.isfinite(cost))
    is_to_the_end = excerpt.word[starts + len(costs)] == END_OF_NAME
    from_beginning = np.where(is_to_the_end, Standing.WHOLE, Standing.BEGINNING)
    standing = np.where(excerpt.is_beginning[starts], from_beginning, Standing.TOGETHER)
    names = excerpt.name[starts]
    return excerpt.movie[names], FIT[excerpt.field[names], standing] - cost[starts]
