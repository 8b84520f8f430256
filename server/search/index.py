"""The search of the catalogue: movies in, ids in rank order out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from server.search.postings import CatalogueName, Field, build_postings
from server.search.ranking import best_fit, popularity_weight
from server.search.text import Name, Query, parse_name, read_query


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """What can be searched of one movie."""

    movie_id: int
    title: str
    """With its article in front and without the year."""
    alternative_titles: tuple[str, ...]
    year: int | None
    genres: tuple[str, ...]
    popularity: int
    """The number of ratings."""


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """All movies that a query finds, the best first."""

    movie_ids: NDArray[np.int64]

    @property
    def total(self) -> int:
        """The number of hits."""
        return self.movie_ids.size


class SearchIndex:
    """The words of a catalogue. It never changes, so any number of threads may search it."""

    def __init__(self, documents: Iterable[SearchDocument]) -> None:
        # Hits of equal relevance keep this order.
        ordered = sorted(documents, key=lambda document: (-document.popularity, document.movie_id))
        self._movie_ids = np.array([document.movie_id for document in ordered], dtype=np.int64)
        self._popularity_weight = popularity_weight(
            np.array([document.popularity for document in ordered], dtype=np.int64)
        )
        self._postings = build_postings(_names(ordered), n_movies=len(ordered))

    def search(self, query: str) -> Hits:
        """Find the movies that have every word of the query, the last of which may be unfinished.

        Any text is a query, and what is no word of the catalogue finds nothing. Hits are ordered by relevance
        (see ``server.search.ranking``), then by popularity, then by id.
        """
        for reading in read_query(query):
            hits = self._find(reading)
            if hits.total:
                return hits
        return Hits(np.empty(0, dtype=np.int64))

    def _find(self, query: Query) -> Hits:
        words = [self._postings.find_word(word) for word in query.words]
        longer = self._postings.find_longer_words(query.words[-1]) if query.is_unfinished else range(0)
        fit = best_fit(self._postings, words, longer=longer)
        found = np.flatnonzero(fit > -np.inf)
        relevance = fit[found] + self._popularity_weight[found]
        return Hits(self._movie_ids[found[np.argsort(-relevance, kind="stable")]])


def _names(documents: Sequence[SearchDocument]) -> Iterator[CatalogueName]:
    genres = {genre for document in documents for genre in document.genres}
    genre_words = {genre: parse_name(genre).words for genre in genres}
    for movie, document in enumerate(documents):
        yield CatalogueName(movie, Field.TITLE, parse_name(document.title))
        for title in document.alternative_titles:
            yield CatalogueName(movie, Field.ALTERNATIVE_TITLE, parse_name(title))
        description = chain.from_iterable(genre_words[genre] for genre in document.genres)
        year = () if document.year is None else (str(document.year),)
        yield CatalogueName(movie, Field.DESCRIPTION, Name("", (*description, *year)))
