"""The relevance of a hit: how well it fits the query, plus how popular it is.

    relevance = fit + log10(1 + popularity)

A fit that is better by 1 outweighs ten times fewer ratings. The fit of a movie is that of the best way to match the
query: all words in one of its names (``FIT``), or the first or last words in its genres and year and the others in a
name ("heat 1995"); then the fit is the mean of the two. The costs of the matched words are subtracted (see
``server.search.expansions``).
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.search.expansions import BEHIND, Costs
from server.search.matching import Matcher
from server.search.postings import END_OF_NAME, Field, Indices, Postings


class MatchKind(IntEnum):
    """How a name that has all words of a query contains them."""

    SCATTERED = 0
    TOGETHER = 1
    BEGINNING = 2
    REORDERED = 3  # all words of the name, in another order
    WHOLE = 4


FIT = np.array([
    # SCATTERED, TOGETHER, BEGINNING, REORDERED, WHOLE
    (1.2, 1.8, 2.4, 2.8, 3.2),  # Field.TITLE
    (1.1, 1.6, 2.2, 2.5, 2.9),  # Field.ALTERNATIVE_TITLE
    (1.0, 1.0, 1.0, 1.0, 1.0),  # Field.METADATA
    (0.0, 0.0, 0.0, 0.0, 0.0),  # Field.TAGS
])  # fmt: skip
"""By field and match kind."""
CLOSE = np.array([0.5, 0.4, 0.0, 0.0])
"""By field: the largest bonus of scattered words for being close together."""
IN_SEVERAL_NAMES = 0.0
"""The fit of words that are spread over several names of a movie."""
TIE_BREAK = 1e-10
"""The lead of the more popular movie, or of the smaller id, over the next one; far less than anything else."""
MAX_METADATA_WORDS = 4
"""At most this many words in front or at the end are metadata ("sci-fi action 1999"); each number is tried."""

Fit = NDArray[np.float64]
Movies = NDArray[np.integer]
NO_MOVIES: Movies = np.empty(0, dtype=np.int64)
NO_FITS: Fit = np.empty(0)


class Phrases(NamedTuple):
    """Consecutive matches, in columns of one length."""

    movies: Movies
    fits: Fit
    costs: Costs
    """The costs of the words, not yet subtracted."""


def popularity_weight(popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of each number of ratings, given in the order of the movie ids.

    No two movies have the same weight, so it breaks ties as well.
    """
    rank = np.empty(popularity.size)
    rank[np.argsort(-popularity, kind="stable")] = np.arange(popularity.size)
    weight: NDArray[np.float64] = np.log10(1.0 + popularity) - TIE_BREAK * rank
    return weight


def best_fit(matcher: Matcher) -> tuple[Movies, Fit]:
    """Return the movies that match all terms of an interpretation, ascending, with their fits."""
    postings = matcher.postings
    places, costs = matcher.find()
    if not places.size:
        return NO_MOVIES, NO_FITS
    best = np.full(postings.n_movies, -np.inf)
    phrases = _find_phrases(matcher, places, range(matcher.n_terms))
    np.maximum.at(best, phrases.movies, phrases.fits - phrases.costs)
    if matcher.n_terms > 1:
        starts, in_name = _least(costs, postings.name[places])
        names = postings.name[places[starts]]
        np.maximum.at(best, *_fits_of_names(postings, places, starts, in_name))
        np.maximum.at(best, *_fits_of_several_names(postings.movie[names], in_name))
        is_metadata = postings.field[names] == Field.METADATA
        in_metadata = postings.movie[names[is_metadata]], in_name[:, is_metadata]
        in_titles = places[postings.field[postings.name[places]] <= Field.ALTERNATIVE_TITLE]
        for movies, fits in _fits_with_metadata(matcher, in_titles, *in_metadata):
            np.maximum.at(best, movies, fits)
    movies = np.flatnonzero(best > -np.inf)
    return movies, best[movies] - matcher.cost_of_all


def _least(costs: Costs, owners: NDArray[np.int32]) -> tuple[Indices, Costs]:
    """Return the first column of each owner, and its least cost by row. ``owners`` is ascending, by column."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    return starts, np.minimum.reduceat(costs, starts, axis=1)


def _find_phrases(matcher: Matcher, places: Indices, words: range) -> Phrases:
    """Return the consecutive matches of the terms at these positions."""
    postings = matcher.postings
    starts, costs = matcher.find_phrases(words, places)
    is_to_the_end = postings.word[starts + len(words)] == END_OF_NAME
    from_beginning = np.where(is_to_the_end, MatchKind.WHOLE, MatchKind.BEGINNING)
    kind = np.where(postings.is_beginning[starts], from_beginning, MatchKind.TOGETHER)
    names = postings.name[starts]
    return Phrases(postings.movie[names], FIT[postings.field[names], kind], costs)


def _fits_of_names(postings: Postings, places: Indices, starts: Indices, in_name: Costs) -> tuple[Movies, Fit]:
    """Return the movies with a name that has all words in any order, and how well it fits.

    ``starts`` are the positions in ``places`` where names begin; ``in_name`` is the cost of each word in each name.
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
    """Return the length of each name in words, without an article in front of the first match."""
    start = postings.start_of_name[names]
    has_article = postings.is_beginning[start] & postings.is_beginning[start + 1]
    n_words: Indices = postings.start_of_name[names + 1] - start - 1 - (has_article & (first > start))
    return n_words


def _fits_of_several_names(movie: NDArray[np.int32], in_name: Costs) -> tuple[Movies, Fit]:
    """Return the movies whose names together have all words, and how well they fit."""
    starts, in_movie = _least(in_name, movie)
    return movie[starts], IN_SEVERAL_NAMES - in_movie.sum(axis=0)


def _fits_with_metadata(
    matcher: Matcher, places: Indices, with_metadata: NDArray[np.int32], in_metadata: Costs
) -> Iterator[tuple[Movies, Fit]]:
    """Yield the movies with the first or last words in their metadata and the others together in a title."""
    n_words = matcher.n_terms
    for n_metadata in range(1, min(n_words, MAX_METADATA_WORDS + 1)):
        for first in (0, n_words - n_metadata):
            metadata_costs = in_metadata[matcher.rows[first : first + n_metadata]].sum(axis=0)
            if np.isinf(metadata_costs).all():
                continue
            others = range(n_metadata, n_words) if first == 0 else range(first)
            movies, fits, costs = _find_phrases(matcher, places, others)
            if not movies.size:
                continue
            cost = np.full(matcher.postings.n_movies, np.inf)
            cost[with_metadata] = metadata_costs
            # Typos and forms count in full; small costs are halved by the mean.
            large_costs = costs - costs % BEHIND
            yield movies, (fits - costs - large_costs + FIT[Field.METADATA, MatchKind.WHOLE]) / 2 - cost[movies]
