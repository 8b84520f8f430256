"""The relevance of a hit: how well it fits the query, plus how popular it is.

    relevance = fit + log10(1 + popularity)

A fit that is better by 1 outweighs ten times fewer ratings. The fit of a movie is that of the best way to match the
query: all words in one of its names (``FIT``), or the first or last words in its genres and year and the others in a
name ("heat 1995"); then the fit is the mean of the two. The costs of the matched words are subtracted (see
``server.search.expansions``).
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.search.expansions import BEHIND, TYPO, Costs
from server.search.matching import MAX_CORRECTED_TERMS, Matcher, Matches
from server.search.postings import Indices, Postings, run_starts
from server.search.stream import END_OF_NAME, Field


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
FIT_OF_PHRASE = np.stack(
    (
        FIT[:, [MatchKind.TOGETHER, MatchKind.TOGETHER]],
        FIT[:, [MatchKind.BEGINNING, MatchKind.WHOLE]],
    ),
    axis=1,
)
"""By field, whether the phrase begins the name, and whether it ends it."""
FIT_OF_METADATA = float(FIT[Field.METADATA, MatchKind.WHOLE])
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


class Groups(NamedTuple):
    """Neighbouring columns with the same owner, as one column each."""

    owners: NDArray[np.int32]
    starts: NDArray[np.intp]
    """By group: its first column."""
    group_of: NDArray[np.intp]
    """By column: its group."""
    costs: Costs
    """By row of terms and by group: the least cost."""


class Found(NamedTuple):
    """The matches of an interpretation: by place, grouped by name, and those by movie."""

    postings: Postings
    matches: Matches
    names: Groups
    movies: Groups


class Phrases(NamedTuple):
    """Consecutive matches, in columns of one length."""

    names: NDArray[np.intp]
    """Columns of ``Found.names``."""
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
    postings, matches = matcher.postings, matcher.find()
    if not matches.places.size:
        return NO_MOVIES, NO_FITS
    names = _group(postings.name.take(matches.places), matches.costs)
    movies = _group(postings.movie.take(names.owners), names.costs)
    best = _fits_of_movies(movies.costs)
    hits = np.isfinite(best).nonzero()[0]
    if not hits.size:
        return NO_MOVIES, NO_FITS
    for columns, fits in _fits_of_names(Found(postings, matches, names, movies), matcher.rows):
        np.maximum.at(best, movies.group_of.take(columns), fits)
    return movies.owners.take(hits), best.take(hits) - matcher.cost_of_all


def _group(owners: NDArray[np.int32], costs: Costs) -> Groups:
    """Group columns by their owners, which are ascending."""
    starts = run_starts(owners)
    group_of = np.zeros(owners.size, dtype=np.intp)
    group_of[starts[1:]] = 1
    np.cumsum(group_of, out=group_of)
    return Groups(owners.take(starts), starts, group_of, np.minimum.reduceat(costs, starts, axis=1))


def _fits_of_movies(costs: Costs) -> Fit:
    """Return how well the names of each movie fit together, -inf unless they have all terms."""
    fits: Fit = IN_SEVERAL_NAMES - costs.sum(axis=0)
    if len(costs) > MAX_CORRECTED_TERMS:
        fits[np.count_nonzero(costs >= TYPO, axis=0) > MAX_CORRECTED_TERMS] = -np.inf
    return fits


def _fits_of_names(found: Found, rows: Sequence[int]) -> Iterator[tuple[NDArray[np.intp], Fit]]:
    """Yield names that have all terms, or all but those in the metadata of the same movie, and how well they fit."""
    phrases = _find_phrases(found, rows)
    yield phrases.names, phrases.fits - phrases.costs
    if len(rows) > 1:
        yield _fits_in_any_order(found)
        yield from _fits_with_metadata(found, rows)


def _find_phrases(found: Found, rows: Sequence[int], last_field: Field = Field.TAGS) -> Phrases:
    """Return the matches of these terms one after the other in one name, of a field up to a last one."""
    postings, (places, costs_of) = found.postings, found.matches
    distance = len(rows) - 1
    # No two names are neighbours: each has a place for its end.
    columns = (places[distance:] - places[: max(places.size - distance, 0)] == distance).nonzero()[0]
    costs = np.add.reduce([costs_of[row].take(columns + position) for position, row in enumerate(rows)])
    names = found.names.group_of.take(columns)
    field = postings.field.take(found.names.owners.take(names))
    is_found = (np.isfinite(costs) & (field <= last_field)).nonzero()[0]
    names, field, costs = names.take(is_found), field.take(is_found), costs.take(is_found)
    starts = places.take(columns.take(is_found))
    is_beginning = postings.is_beginning.take(starts)
    is_to_the_end = postings.word.take(starts + len(rows)) == END_OF_NAME
    return Phrases(names, FIT_OF_PHRASE[field, is_beginning.view(np.int8), is_to_the_end.view(np.int8)], costs)


def _fits_in_any_order(found: Found) -> tuple[NDArray[np.intp], Fit]:
    """Return the names with all words in any order, and how well they fit."""
    cost = found.names.costs.sum(axis=0)
    names = np.isfinite(cost).nonzero()[0]
    starts, places = found.names.starts, found.matches.places
    start, stop = starts.take(names), np.concatenate((starts[1:], [places.size])).take(names)
    first, last = places.take(start), places.take(stop - 1)
    owners = found.names.owners.take(names)
    field = found.postings.field.take(owners)
    closeness = np.minimum(1, len(found.names.costs) / (last - first + 1))
    fits = np.where(
        _n_words_to_find(found.postings, owners, first) == stop - start,
        FIT[:, MatchKind.REORDERED].take(field),
        FIT[:, MatchKind.SCATTERED].take(field) + CLOSE.take(field) * closeness,
    )
    return names, fits - cost.take(names)


def _n_words_to_find(postings: Postings, names: NDArray[np.int32], first: Indices) -> Indices:
    """Return the length of each name in words, without an article in front of the first match."""
    start = postings.start_of_name.take(names)
    has_article = postings.is_beginning.take(start) & postings.is_beginning.take(start + 1)
    n_words: Indices = postings.start_of_name.take(names + 1) - start - 1 - (has_article & (first > start))
    return n_words


def _fits_with_metadata(found: Found, rows: Sequence[int]) -> Iterator[tuple[NDArray[np.intp], Fit]]:
    """Yield titles with the first or last words in the metadata of their movie and the others together in the title."""
    metadata = (found.postings.field.take(found.names.owners) == Field.METADATA).nonzero()[0]
    is_in_metadata = np.isfinite(found.names.costs.take(metadata, axis=1)).any(axis=1).tolist()
    if not any(is_in_metadata):
        return
    metadata_of = np.full(found.movies.owners.size, -1)
    metadata_of[found.movies.group_of.take(metadata)] = metadata
    for n_metadata in range(1, min(len(rows), MAX_METADATA_WORDS + 1)):
        for described, others in (
            (rows[:n_metadata], rows[n_metadata:]),
            (rows[-n_metadata:], rows[:-n_metadata]),
        ):
            if all(is_in_metadata[row] for row in described):
                titles, fits, costs = _find_phrases(found, others, Field.ALTERNATIVE_TITLE)
                names = metadata_of.take(found.movies.group_of.take(titles))
                in_metadata = np.add.reduce([found.names.costs[row].take(names) for row in described])
                in_metadata[names < 0] = np.inf
                # Typos and forms count in full; small costs are halved by the mean.
                large_costs = costs - costs % BEHIND
                yield titles, (fits - costs - large_costs + FIT_OF_METADATA) / 2 - in_metadata
