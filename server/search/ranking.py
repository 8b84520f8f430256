"""The order of the hits: one number a movie, made of how well it fits the query and how popular it is.

    relevance = fit + log10(1 + popularity)

So the weights are powers of ten: fitting better by 1 outweighs ten times fewer ratings. A movie's fit is that of the
best way to find the words in it: they stand somewhere in one of its names (``FIT``), or the first or the last of them
are its genre or its year ("heat 1995"), and then the fit is the mean of the two. What the meanings of the words cost
is taken off (see ``server.search.readings``).
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.search.matching import Matcher
from server.search.postings import END_OF_NAME, Field, Indices, Postings
from server.search.readings import TYPO, Costs


class MatchKind(IntEnum):
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
TIE_BREAK = 1e-10
"""What the more popular movie, then the one of the smaller id, is ahead of the next; far less than all else."""
MOST_DESCRIBING_WORDS = 4
"""As in "sci-fi action 1999"; a limit, because each number of words is tried."""

Fit = NDArray[np.float64]
Movies = NDArray[np.integer]


class Phrases(NamedTuple):
    """Words that stand together, in columns of one length."""

    movies: Movies
    fits: Fit
    costs: Costs
    """What the meanings of the words cost, not yet taken off."""


def popularity_weight(popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what numbers of ratings, 0 or more, add to the fit, by movie in the order of their ids.

    It decides ties, too: no two movies weigh the same.
    """
    rank = np.empty(popularity.size)
    rank[np.argsort(-popularity, kind="stable")] = np.arange(popularity.size)
    weight: NDArray[np.float64] = np.log10(1.0 + popularity) - TIE_BREAK * rank
    return weight


def best_fit(matcher: Matcher) -> tuple[Movies, Fit]:
    """Return the movies that have all words of a reading, ascending, and how well each fits."""
    postings = matcher.postings
    places, costs = matcher.find()
    best = np.full(postings.n_movies, -np.inf)
    phrases = _find_phrases(matcher, places, range(matcher.n_words))
    np.maximum.at(best, phrases.movies, phrases.fits - phrases.costs)
    if matcher.n_words > 1 and places.size:
        starts, in_name = _least(costs, postings.name[places])
        names = postings.name[places[starts]]
        np.maximum.at(best, *_fits_of_names(postings, places, starts, in_name))
        np.maximum.at(best, *_fits_of_several_names(postings.movie[names], in_name))
        is_description = postings.field[names] == Field.DESCRIPTION
        in_description = postings.movie[names[is_description]], in_name[matcher.rows][:, is_description]
        for movies, fits in _fits_of_described(matcher, places, *in_description):
            np.maximum.at(best, movies, fits)
    movies = np.flatnonzero(best > -np.inf)
    return movies, best[movies]


def _least(costs: Costs, owners: NDArray[np.int32]) -> tuple[Indices, Costs]:
    """Return where each owner begins, of which there is one to each column, ascending, and its least cost by row."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    return starts, np.minimum.reduceat(costs, starts, axis=1)


def _find_phrases(matcher: Matcher, places: Indices, words: range) -> Phrases:
    """Return where the words stand together in a name, once for each place."""
    postings = matcher.postings
    starts, costs = matcher.find_phrases(words, places)
    is_to_the_end = postings.word[starts + len(words)] == END_OF_NAME
    from_beginning = np.where(is_to_the_end, MatchKind.WHOLE, MatchKind.BEGINNING)
    standing = np.where(postings.is_beginning[starts], from_beginning, MatchKind.TOGETHER)
    names = postings.name[starts]
    return Phrases(postings.movie[names], FIT[postings.field[names], standing], costs)


def _fits_of_names(postings: Postings, places: Indices, starts: Indices, in_name: Costs) -> tuple[Movies, Fit]:
    """Return the movies with a name that has all the words, in whatever order, and how well it fits.

    ``starts`` are the positions in ``places`` where names begin, ``in_name`` what each word costs in each.
    """
    cost = in_name.sum(axis=0)
    has_all = np.isfinite(cost)
    n_found = np.diff(starts, append=places.size)[has_all]
    first, last = places[starts[has_all]], places[starts[has_all] + n_found - 1]
    names = postings.name[first]
    field = postings.field[names]
    closeness = np.minimum(1, len(in_name) / (last - first + 1))
    fit = np.where(
        _n_words_to_find(postings, names, first) == n_found,
        FIT[field, MatchKind.REORDERED],
        FIT[field, MatchKind.SCATTERED] + CLOSE[field] * closeness,
    )
    return postings.movie[names], fit - cost[has_all]


def _n_words_to_find(postings: Postings, names: NDArray[np.int32], first: Indices) -> Indices:
    """Return how many words each name has, but for an article in front of the first one found."""
    start = postings.start_of_name[names]
    has_article = postings.is_beginning[start] & postings.is_beginning[start + 1]
    n_words: Indices = postings.start_of_name[names + 1] - start - 1 - (has_article & (first > start))
    return n_words


def _fits_of_several_names(movie: NDArray[np.int32], in_name: Costs) -> tuple[Movies, Fit]:
    """Return the movies whose names together have all the words, and how well they fit."""
    starts, in_movie = _least(in_name, movie)
    return movie[starts], IN_SEVERAL_NAMES - in_movie.sum(axis=0)


def _fits_of_described(
    matcher: Matcher, places: Indices, described: NDArray[np.int32], in_description: Costs
) -> Iterator[tuple[Movies, Fit]]:
    """Yield the movies with the first or the last words in their description, the others together in a name."""
    n_words = matcher.n_words
    for n_describing in range(1, min(n_words, MOST_DESCRIBING_WORDS + 1)):
        for first in (0, n_words - n_describing):
            costs_described = in_description[first : first + n_describing].sum(axis=0)
            if np.isinf(costs_described).all():
                continue
            cost = np.full(matcher.postings.n_movies, np.inf)
            cost[described] = costs_described
            others = range(n_describing, n_words) if first == 0 else range(first)
            movies, fits, costs = _find_phrases(matcher, places, others)
            # The mean takes off half of what is left over from typos, which count whole.
            typos = costs - costs % TYPO
            yield movies, (fits - costs - typos + FIT[Field.DESCRIPTION, MatchKind.WHOLE]) / 2 - cost[movies]
