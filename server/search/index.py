"""The search index: built from movies, it returns ids in rank order."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from server.search.corrections import correct
from server.search.expansions import TYPO
from server.search.highlights import Highlighter
from server.search.interpretations import Interpretation, Interpreter
from server.search.matching import Matcher, TermTables
from server.search.popularity import Popularity
from server.search.postings import Indices, Postings, lay_out, run_starts
from server.search.ranking import NO_FITS, NO_MOVIES, Fit, Movies, best_fit, popularity_weight
from server.search.stream import CatalogueName, Concatenation, Field, concatenate, decode_words
from server.search.text import Name, parse_name, read_query, tag_word

MAX_FAST_WORDS = 8
MAX_FAST_WORK = 10_000
PARTS_ORDERED = 4
"""Selecting the first hits takes less time than ordering all of them if they are at most one in this many."""


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """The searchable text of one movie."""

    movie_id: int
    title: str
    """With its article in front and without the year."""
    alternative_titles: tuple[str, ...]
    year: int | None
    genres: tuple[str, ...]
    popularity: int
    """The number of ratings."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Hits:
    """All movies that match a query."""

    unordered_ids: NDArray[np.int64]
    relevance: NDArray[np.float64]
    """By movie; no two are equal."""
    fewest_typos: float
    """Typos of the best hit; inf without hits."""
    interpretations: tuple[Interpretation, ...]
    """The ways in which the query was interpreted."""

    @classmethod
    def none(cls) -> Self:
        """Return the hits of a query that matches nothing."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0), np.inf, ())

    @property
    def total(self) -> int:
        """The number of hits."""
        return self.unordered_ids.size

    @cached_property
    def movie_ids(self) -> NDArray[np.int64]:
        """The ids of all hits, best first."""
        return self.unordered_ids[np.argsort(-self.relevance)]

    def first(self, number: int) -> NDArray[np.int64]:
        """Return the ids of the first hits, best first.

        A page of many hits doesn't need the order of the others: the row "few letters" of `make bench-search`.
        """
        if not 0 < number * PARTS_ORDERED <= self.total:
            return self.movie_ids[:number]
        best = np.argpartition(self.relevance, -number)[-number:]
        return self.unordered_ids[best[np.argsort(-self.relevance[best])]]


class SearchIndex:
    """The searchable words of a catalogue. Threads may share it.

    The words and the popularity never change. The expansions of recent query words are cached in a bounded,
    thread-safe LRU cache, which lives as long as the index.
    """

    def __init__(
        self, movie_ids: Indices, postings: Postings, popularity: Indices, interpreter: Interpreter | None = None
    ) -> None:
        """Create an index of movies in ascending order of their ids. See `build_index`."""
        self.movie_ids = movie_ids
        self.postings = postings
        self.popularity = popularity
        self._popularity_weight = popularity_weight(popularity)
        self._interpreter = interpreter or Interpreter(postings)

    def __len__(self) -> int:
        return self.movie_ids.size

    def with_popularity(self, popularity: Popularity) -> "SearchIndex":
        """Return an index of the same words with other numbers of ratings."""
        return SearchIndex(self.movie_ids, self.postings, popularity.look_up(self.movie_ids), self._interpreter)

    def search(self, query: str) -> Hits:
        """Return the movies that match every word of the query, the last of which may be unfinished.

        Any text is a valid query. Hits are ordered by relevance (see ``server.search.ranking``), then by popularity,
        then by id.
        """
        queries = read_query(query)
        found = self._find_best(chain.from_iterable(map(self._interpreter.interpret, queries)))
        if found.fewest_typos:
            first_film = self._find_best(map(self._interpreter.imply_number, queries), only_fewest_typos=True)
            found = found if first_film.fewest_typos else first_film
        if found.total:
            return found
        return self._find_best(map(self._interpreter.interpret_leniently, queries), only_fewest_typos=True)

    def is_fast(self, query: str) -> bool:
        """Return whether the search takes at most about 3 ms, so that an event loop may wait for it.

        It is an upper bound of the work: the movies to look at, times the words that each must match. The words are
        looked up as in a search, which then finds them in the cache.
        """
        return all(
            len(words.words) <= MAX_FAST_WORDS and self._interpreter.count_work(words) <= MAX_FAST_WORK
            for words in read_query(query)
        )

    def highlighter(self, hits: Hits) -> Highlighter:
        """Return a highlighter that marks the words that led to these hits."""
        return Highlighter(self.postings.vocabulary, hits.interpretations)

    def correct(self, query: str, hits: Hits) -> str | None:
        """Return the query with the misspelt words replaced by those of the best hit; None without typos or hits."""
        if not hits.total or not hits.fewest_typos:
            return None
        movie = np.searchsorted(self.movie_ids, hits.first(1))
        words = set(self.postings.word[self.postings.places_in(movie)].tolist())
        return correct(query, hits.interpretations, words, self.postings.vocabulary)

    def _find_best(self, groups: Iterable[Sequence[Interpretation]], *, only_fewest_typos: bool = False) -> Hits:
        """Return the hits of the first group with hits without typos, else those with the fewest typos."""
        found = Hits.none()
        for interpretations in groups:
            hits = self._find(interpretations, only_fewest_typos=only_fewest_typos)
            if hits.fewest_typos == 0:
                return hits
            found = min(found, hits, key=lambda hits: hits.fewest_typos)
        return found

    def _find(self, interpretations: Sequence[Interpretation], *, only_fewest_typos: bool) -> Hits:
        """Return the movies that match one of the interpretations, each with its best fit."""
        tables = TermTables(self.postings)
        found = [best_fit(Matcher(self.postings, interpretation, tables)) for interpretation in interpretations]
        movies, fit = _best_of_each(found)
        if only_fewest_typos:
            is_best = fit > fit.max(initial=-np.inf) - TYPO / 2
            movies, fit = movies[is_best], fit[is_best]
        relevance = fit + self._popularity_weight.take(movies)
        return Hits(self.movie_ids.take(movies), relevance, _fewest_typos(fit), tuple(interpretations))


def build_index(documents: Iterable[SearchDocument]) -> SearchIndex:
    """Build an index of movies, given in any order."""
    return build_index_in_order(sorted(documents, key=lambda document: document.movie_id))


def build_index_in_order(documents: Iterable[SearchDocument]) -> SearchIndex:
    """Build an index of movies by ascending id, without holding all of them in memory."""
    movie_ids, popularity, (vocabulary, stream) = read_documents(documents)
    return SearchIndex(movie_ids, lay_out(decode_words(vocabulary), stream, n_movies=movie_ids.size), popularity)


class Contents(NamedTuple):
    """The movies of an index and their words. They take much less memory than the index."""

    movie_ids: Indices
    popularity: Indices
    names: Concatenation


def read_documents(documents: Iterable[SearchDocument]) -> Contents:
    """Read the searchable text of movies by ascending id, without holding all of it in memory."""
    movie_ids, popularity = array("q"), array("q")

    def names() -> Iterator[CatalogueName]:
        for movie, document in enumerate(documents):
            movie_ids.append(document.movie_id)
            popularity.append(document.popularity)
            yield from _names(movie, document)

    concatenation = concatenate(names())
    return Contents(np.frombuffer(movie_ids, np.int64), np.frombuffer(popularity, np.int64), concatenation)


def _best_of_each(found: Sequence[tuple[Movies, Fit]]) -> tuple[Movies, Fit]:
    """Return the movies of several interpretations in ascending order, each with its best fit."""
    found = [each for each in found if each[0].size]
    if len(found) == 1:
        return found[0]
    movies = np.concatenate([NO_MOVIES, *(movies for movies, _ in found)])
    fits = np.concatenate([NO_FITS, *(fits for _, fits in found)])
    order = movies.argsort(kind="stable")
    movies = movies[order]
    starts = run_starts(movies)
    return movies[starts], np.maximum.reduceat(fits[order], starts) if starts.size else fits


def _fewest_typos(fit: Fit) -> float:
    """Return the number of typos of the best hit, inf without hits."""
    # All other costs together are far less than half a typo.
    return float(round(-fit.max() / TYPO)) if fit.size else np.inf


def _names(movie: int, document: SearchDocument) -> Iterator[CatalogueName]:
    yield CatalogueName(movie, Field.TITLE, parse_name(document.title))
    for title in document.alternative_titles:
        yield CatalogueName(movie, Field.ALTERNATIVE_TITLE, parse_name(title))
    year = () if document.year is None else (str(document.year),)
    yield CatalogueName(movie, Field.METADATA, Name("", _genre_words(document.genres) + year))
    if document.tags:
        yield CatalogueName(movie, Field.TAGS, Name("", _tag_words(document.tags)))


def _tag_words(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the words of all tags, each once."""
    return tuple(dict.fromkeys(tag_word(word) for tag in tags for word in parse_name(tag).all_words))


@lru_cache(10_000)
def _genre_words(genres: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for genre in genres for word in parse_name(genre).words)
