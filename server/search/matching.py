"""Finds the places in the catalogue that match the terms of an interpretation, and their costs."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.search.expansions import Costs, TermExpansion
from server.search.interpretations import Interpretation
from server.search.postings import Indices, Postings, run_starts
from server.search.stream import Field
from server.search.vocabulary import Numbers

FEW_MOVIES = 100
"""At most this many movies are scanned word by word; that is faster than intersecting further postings."""
MAX_CORRECTED_TERMS = 4
"""A movie that matches only with more terms corrected is not a hit. It bounds the time of a query."""
MANY_MOVIES = 5000
MAX_CORRECTED_OF_MANY = 2
"""If more than `MANY_MOVIES` match, at most this many terms may be corrected."""


class Matches(NamedTuple):
    """The places that match a term, ascending, and the costs by term (see ``Matcher.rows``) and place."""

    places: Indices
    costs: Costs


class TermTable:
    """The words and movies that match one term."""

    def __init__(self, term: TermExpansion, postings: Postings) -> None:
        self._postings = postings
        self._term = term
        self.n_places = term.n_places

    def costs_of(self, words: Numbers) -> Costs:
        """Return the cost of each word, inf for words that do not match."""
        costs, which = self._table
        # END_OF_NAME is -1, so it has the entry at the end.
        return costs.take(which.take(words, mode="wrap"))

    def describes(self, words: Numbers) -> NDArray[np.bool_] | None:
        """Return for each word whether it matches in the metadata; None if no word does."""
        return self._described_words[words] if self._term.described_by.size else None

    @cached_property
    def _table(self) -> tuple[Costs, Numbers]:
        """The costs, and for each word of the vocabulary the index of its cost."""
        # Zeroed memory costs almost nothing to allocate, infinities would: so 0 is the index of inf.
        which = np.zeros(len(self._postings.vocabulary) + 1, np.int32)
        which[self._term.words] = np.arange(1, self._term.words.size + 1)
        return np.concatenate(([np.inf], self._term.costs)), which

    @cached_property
    def _described_words(self) -> NDArray[np.bool_]:
        is_described = np.zeros(len(self._postings.vocabulary) + 1, dtype=np.bool_)
        is_described[self._term.described_by] = True
        return is_described

    @cached_property
    def movies(self) -> NDArray[np.bool_]:
        """Return for each movie whether it matches."""
        return self._or_described(self._postings.movies_with(self._term.runs))

    @cached_property
    def corrected(self) -> NDArray[np.bool_] | None:
        """Return for each movie whether it matches only with typos; None if there are no typos."""
        spelt = self._term.spelt_runs
        return None if spelt is None else self.movies & ~self._or_described(self._postings.movies_with(spelt))

    def _or_described(self, movies: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if self._term.described_by.size:
            movies |= self._postings.movies_with(self._term.described_runs)
        return movies

    def places(self) -> list[NDArray[np.int32]]:
        """Return the matching places, in two parts."""
        return [self._postings.places_of(self._term.runs), self._postings.places_of(self._term.described_runs)]

    def movies_of_places(self) -> list[NDArray[np.int32]]:
        """Return the movie of each of these places."""
        return [self._postings.movies_of(self._term.runs), self._postings.movies_of(self._term.described_runs)]


class TermTables(dict[TermExpansion, TermTable]):
    """The tables of the terms of a query, shared by its interpretations."""

    def __init__(self, postings: Postings) -> None:
        super().__init__()
        self._postings = postings

    def __missing__(self, term: TermExpansion) -> TermTable:
        """Create the table of one more term."""
        table = self[term] = TermTable(term, self._postings)
        return table


class Matcher:
    """Matches one interpretation with the stream of words. Terms are identified by their position in it."""

    def __init__(self, postings: Postings, interpretation: Interpretation, tables: TermTables) -> None:
        self.postings = postings
        self._terms = interpretation.terms
        self.cost_of_all = interpretation.cost
        """Cost of the interpretation itself, beside those of its terms."""
        self._adjacent = interpretation.adjacent
        self._tables = [tables[term] for term in self._terms]
        row_of = {term: row for row, term in enumerate(dict.fromkeys(self._terms))}
        self.rows = [row_of[term] for term in self._terms]
        """By term: its row of costs, shared by repetitions of the same term."""
        self._first_positions = [self._terms.index(term) for term in row_of]
        self._last_place = max(postings.word.size - 1, 0)

    @property
    def n_terms(self) -> int:
        """The number of terms that must match."""
        return len(self._terms)

    def find(self) -> Matches:
        """Return the matches. Those of movies that match all terms are complete; others may be partial."""
        places = self._candidates()
        if not places.size:
            return Matches(places, np.empty((len(self._first_positions), 0)))
        words = self.postings.word.take(places)
        costs = np.array([self._cost(position, places, words) for position in self._first_positions])
        is_found = np.isfinite(costs.min(axis=0)).nonzero()[0]
        return Matches(places.take(is_found), costs.take(is_found, axis=1))

    def _cost(self, position: int, places: Indices, words: Numbers) -> Costs:
        """Return the cost of matching the term at each place, or inf."""
        costs = self._cost_alone(position, places, words)
        if position in self._adjacent:
            costs[~self._matches(position + 1, places + 1)] = np.inf
        if position - 1 in self._adjacent:
            costs[~self._matches(position - 1, places - 1)] = np.inf
        return costs

    def _matches(self, position: int, places: Indices) -> NDArray[np.bool_]:
        # Places before and after the stream are clipped to its last entry, which is the end of a name.
        places = np.minimum(places, self._last_place)
        return np.isfinite(self._cost_alone(position, places, self.postings.word[places]))

    def _cost_alone(self, position: int, places: Indices, words: Numbers) -> Costs:
        costs = self._tables[position].costs_of(words)
        is_described = self._tables[position].describes(words)
        if is_described is not None:
            is_described &= self.postings.field[self.postings.name[places]] == Field.METADATA
            costs[is_described] = np.minimum(costs[is_described], self._terms[position].described_cost)
        return costs

    def _candidates(self) -> Indices:
        """Return all places of the movies that may match, or only those of matching words if the movies are many."""
        tables = sorted(
            (self._tables[position] for position in self._first_positions), key=lambda table: table.n_places
        )
        may_match = _movies_with_all(tables, np.ones(self.postings.n_movies, dtype=np.bool_))
        n_movies = np.count_nonzero(may_match)
        if n_movies <= FEW_MOVIES:
            return self.postings.places_in(may_match.nonzero()[0])
        if n_movies > MANY_MOVIES and len(tables) > MAX_CORRECTED_OF_MANY:
            may_match &= _count_corrected(tables, may_match.size) <= MAX_CORRECTED_OF_MANY
        places = np.concatenate([part for table in tables for part in table.places()])
        if len(tables) > 1:
            movies = np.concatenate([part for table in tables for part in table.movies_of_places()])
            places = places[may_match[movies]]
        # The places of each word are in order. A stable sort merges them, in a tenth of the time of any other.
        places.sort(kind="stable")
        return places[run_starts(places)]


def _movies_with_all(tables: Sequence[TermTable], may_match: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which movies may match all terms: at most a few more, or those without too many corrected terms."""
    n_corrected = np.zeros(may_match.size, dtype=np.uint8)
    for table in tables:
        may_match &= table.movies
        if len(tables) > MAX_CORRECTED_TERMS and table.corrected is not None:
            n_corrected += table.corrected
            may_match &= n_corrected <= MAX_CORRECTED_TERMS
        if np.count_nonzero(may_match) <= FEW_MOVIES:
            break
    return may_match


def _count_corrected(tables: Iterable[TermTable], n_movies: int) -> NDArray[np.uint8]:
    """Return for each movie how many terms match only with typos."""
    n_corrected = np.zeros(n_movies, dtype=np.uint8)
    for table in tables:
        if table.corrected is not None:
            n_corrected += table.corrected
    return n_corrected
