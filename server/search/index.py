"""The search of the catalogue: movies in, ids in rank order out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from server.search.highlights import Highlighter
from server.search.matching import CostTables, Matcher
from server.search.postings import CatalogueName, Field, Indices, Postings, build_postings
from server.search.ranking import Fit, Movies, best_fit, popularity_weight
from server.search.readings import TYPO, Interpretation, Reader
from server.search.text import Name, parse_name, read_query

NO_MOVIES: Movies = np.empty(0, dtype=np.int64)
NO_FITS: Fit = np.empty(0)


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
    fewest_typos: float
    """Of the best hit; inf without hits."""
    readings: tuple[Interpretation, ...]
    """The ways in which the query was read."""

    @classmethod
    def none(cls) -> Self:
        """Give the hits of a query that finds nothing."""
        return cls(np.empty(0, dtype=np.int64), np.inf, ())

    @property
    def total(self) -> int:
        """The number of hits."""
        return self.movie_ids.size


class SearchIndex:
    """The words of a catalogue. It never changes, so any number of threads may search it."""

    def __init__(self, movie_ids: Indices, postings: Postings, popularity: Indices) -> None:
        """Take the ids and numbers of ratings by movie, the ids ascending. See `build_index`."""
        self.movie_ids = movie_ids
        self.postings = postings
        self._popularity_weight = popularity_weight(popularity)
        self._reader = Reader(postings)

    def __len__(self) -> int:
        return self.movie_ids.size

    def with_popularity(self, ratings: Mapping[int, int]) -> "SearchIndex":
        """Give the same words with other numbers of ratings by movie id; 0 for movies that are not named."""
        popularity = np.array([ratings.get(movie_id, 0) for movie_id in self.movie_ids.tolist()], dtype=np.int64)
        return SearchIndex(self.movie_ids, self.postings, popularity)

    def search(self, query: str) -> Hits:
        """Find the movies that have every word of the query, the last of which may be unfinished.

        Any text is a query, and what is no word of the catalogue finds nothing. Hits are ordered by relevance
        (see ``server.search.ranking``), then by popularity, then by id.
        """
        found = Hits.none()
        for words in read_query(query):
            for readings in self._reader.read(words).readings():
                hits = self._find(readings)
                if hits.fewest_typos == 0:
                    return hits
                found = min(found, hits, key=lambda hits: hits.fewest_typos)
        return found

    def highlighter(self, hits: Hits) -> Highlighter:
        """Give what marks in titles the words that led to these hits."""
        return Highlighter(self.postings.vocabulary, hits.readings)

    def _find(self, readings: Sequence[Interpretation]) -> Hits:
        """Find the movies that fit one of the readings, each as well as the best of them says."""
        tables = CostTables(self.postings)
        movies, fit = _best_of_each([best_fit(Matcher(self.postings, reading, tables)) for reading in readings])
        relevance = fit + self._popularity_weight[movies]
        order = np.argsort(-relevance, kind="stable")
        return Hits(self.movie_ids[movies[order]], _fewest_typos(fit), tuple(readings))


def build_index(documents: Iterable[SearchDocument]) -> SearchIndex:
    """Read the names of movies, in whatever order they come."""
    ordered = sorted(documents, key=lambda document: document.movie_id)
    movie_ids = np.array([document.movie_id for document in ordered], dtype=np.int64)
    popularity = np.array([document.popularity for document in ordered], dtype=np.int64)
    return SearchIndex(movie_ids, build_postings(_names(ordered), n_movies=len(ordered)), popularity)


def _best_of_each(found: Sequence[tuple[Movies, Fit]]) -> tuple[Movies, Fit]:
    """Return the movies of several readings, ascending, each with its best fit."""
    if len(found) == 1:
        return found[0]
    movies = np.concatenate([NO_MOVIES, *(movies for movies, _ in found)])
    fits = np.concatenate([NO_FITS, *(fits for _, fits in found)])
    movies, position = np.unique(movies, return_inverse=True)
    best = np.full(movies.size, -np.inf)
    np.maximum.at(best, position, fits)
    return movies, best


def _fewest_typos(fit: Fit) -> float:
    """Return the number of typos of the best hit, inf if there is none."""
    # What is not due to typos is far less than half of one.
    return float(np.round(-fit.max(initial=-np.inf) / TYPO))


def _names(documents: Sequence[SearchDocument]) -> Iterator[CatalogueName]:
    words_of = {genres: _genre_words(genres) for genres in {document.genres for document in documents}}
    for movie, document in enumerate(documents):
        yield CatalogueName(movie, Field.TITLE, parse_name(document.title))
        for title in document.alternative_titles:
            yield CatalogueName(movie, Field.ALTERNATIVE_TITLE, parse_name(title))
        year = () if document.year is None else (str(document.year),)
        yield CatalogueName(movie, Field.DESCRIPTION, Name("", words_of[document.genres] + year))


def _genre_words(genres: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for genre in genres for word in parse_name(genre).words)
