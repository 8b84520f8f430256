"""The order of the hits: one number a movie, made of how well it fits the query and how popular it is.

    relevance = fit + log10(1 + popularity)

So the weights are powers of ten: fitting better by 1 outweighs ten times fewer ratings. A movie's fit is that
of the best way to read the query: its words stand somewhere in one of the movie's names (``FIT``), its last words
may be the genre or the year instead ("heat 1995"), its last word may be unfinished.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from server.search.postings import END_OF_NAME, Movies, Postings, WordRange


class Standing(IntEnum):
    """How the words of a query stand in a name that has them all."""

    SCATTERED = 0
    TOGETHER = 1
    BEGINNING = 2
    WHOLE = 3


FIT = np.array([
    # SCATTERED, TOGETHER, BEGINNING, WHOLE
    (1.2, 1.8, 2.4, 3.0),  # Field.TITLE
    (1.1, 1.6, 2.2, 2.7),  # Field.ALTERNATIVE_TITLE
    (1.0, 1.0, 1.0, 1.0),  # Field.DESCRIPTION
])  # fmt: skip
"""By field and standing."""
IN_SEVERAL_NAMES = 0.0
"""For words of which some stand in one name of the movie, some in another."""
DESCRIBED = -1.0
"""For reading the last words as genre or year."""
MOST_DESCRIBING_WORDS = 4
"""As in "sci-fi action 1999"; a limit, because each number of words is tried."""
UNFINISHED = -1.3
"""For reading the last word as the beginning of another."""

Fit = NDArray[np.float64]


def popularity_weight(popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what numbers of ratings, 0 or more, add to the fit."""
    weight: NDArray[np.float64] = np.log10(1.0 + popularity)
    return weight


def best_fit(postings: Postings, words: Sequence[WordRange], *, longer: WordRange) -> Fit:
    """Return, by movie, how well it fits the words, or -inf where one is missing.

    The words of ``longer`` also do for the last one.
    """
    best = np.full(postings.n_movies, -np.inf)
    for movies, fits in _fits(postings, words):
        np.maximum.at(best, movies, fits)
    for movies, fits in _fits(postings, [*words[:-1], longer]):
        np.maximum.at(best, movies, fits + UNFINISHED)
    return best


def _fits(postings: Postings, words: Sequence[WordRange]) -> Iterator[tuple[Movies, Fit]]:
    """Yield movies and how well they fit, for each way to read the words."""
    movies = postings.movies_with(words)
    if not movies.size:
        return
    yield movies, np.full(movies.size, IN_SEVERAL_NAMES)
    names = postings.names_with(words)
    yield postings.movie[names], FIT[postings.field[names], Standing.SCATTERED]
    yield _fits_of_phrases(postings, words)
    for n_describing in range(1, min(len(words), MOST_DESCRIBING_WORDS + 1)):
        is_described = postings.is_described_by(words[-n_describing:])
        if not is_described.any():
            return
        movies, fits = _fits_of_phrases(postings, words[:-n_describing])
        yield movies[is_described[movies]], fits[is_described[movies]] + DESCRIBED


def _fits_of_phrases(postings: Postings, words: Sequence[WordRange]) -> tuple[Movies, Fit]:
    """Return the movies in whose names the words stand together, and how well they fit, once for each place."""
    starts = postings.phrases(words)
    is_to_the_end = postings.word[starts + len(words)] == END_OF_NAME
    from_beginning = np.where(is_to_the_end, Standing.WHOLE, Standing.BEGINNING)
    standing = np.where(postings.is_beginning[starts], from_beginning, Standing.TOGETHER)
    names = postings.name[starts]
    return postings.movie[names], FIT[postings.field[names], standing]
