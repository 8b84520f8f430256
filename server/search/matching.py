"""Finds the places in the catalogue that match the terms of an interpretation, and their costs."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from server.search.expansions import TYPO, Costs, TermExpansion
from server.search.interpretations import Interpretation
from server.search.postings import Field, Indices, Postings
from server.search.vocabulary import Numbers

FEW_MOVIES = 100
"""At most this many movies are scanned word by word; that is faster than intersecting further postings."""
MAX_CORRECTED_TERMS = 4
"""A movie that matches only with more terms corrected is not a hit. It bounds the time of a query."""
MANY_MOVIES = 5000
MAX_CORRECTED_OF_MANY = 2
"""If more than `MANY_MOVIES` match, at most this many terms may be corrected."""


class TermTable:
    """The words and movies that match one term."""

    def __init__(self, term: TermExpansion, postings: Postings) -> None:
        self._postings = postings
        self._term = term
        self.n_places = postings.count_places(term.words) + postings.count_places(term.described_by)

    def costs_of(self, words: Numbers) -> Costs:
        """Return the cost of each word, inf for words that do not match."""
        costs, which = self._table
        return costs[which[words]]

    def describes(self, words: Numbers) -> NDArray[np.bool_] | None:
        """Return for each word whether it matches in the metadata; None if no word does."""
        return self._described_words[words] if self._term.described_by.size else None

    @cached_property
    def _table(self) -> tuple[Costs, Numbers]:
        """The distinct costs, and for each word of the vocabulary the index of its cost."""
        # Zeroed memory costs almost nothing to allocate, infinities would: so 0 is the index of inf. The entry at the
        # end is that of END_OF_NAME, which is -1.
        which = np.zeros(len(self._postings.vocabulary) + 1, np.int32)
        # If a word is listed twice, the last entry wins, so the largest costs come first.
        order = np.argsort(-self._term.costs, kind="stable")
        which[self._term.words[order]] = order + 1
        return np.concatenate(([np.inf], self._term.costs)), which

    @cached_property
    def _described_words(self) -> NDArray[np.bool_]:
        is_described = np.zeros(len(self._postings.vocabulary) + 1, dtype=np.bool_)
        is_described[self._term.described_by] = True
        return is_described

    @cached_property
    def movies(self) -> NDArray[np.bool_]:
        """Return for each movie whether it matches."""
        return self._postings.movies_with(self._term.words) | self._described

    @cached_property
    def corrected(self) -> NDArray[np.bool_] | None:
        """Return for each movie whether it matches only with typos; None if there are no typos."""
        is_typo = self._term.costs >= TYPO
        if not is_typo.any():
            return None
        return self.movies & ~(self._postings.movies_with(self._term.words[~is_typo]) | self._described)

    @cached_property
    def _described(self) -> NDArray[np.bool_]:
        return self._postings.movies_with(self._term.described_by)

    def places(self) -> list[NDArray[np.int32]]:
        """Return the matching places, in two parts."""
        return [self._postings.places_of(self._term.words), self._postings.places_of(self._term.described_by)]


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
        positions = {term: position for position, term in reversed(list(enumerate(self._terms)))}
        self._first_positions = sorted(positions.values())
        self.rows = [self._first_positions.index(positions[term]) for term in self._terms]
        """By term: its row of costs, shared by repetitions of the same term."""
        self._last_place = max(postings.word.size - 1, 0)

    @property
    def n_terms(self) -> int:
        """The number of terms that must match."""
        return len(self._terms)

    def find(self) -> tuple[Indices, Costs]:
        """Return the places that match a term, ascending, and the costs by term (see ``rows``) and place.

        The places of movies that match all terms are complete; those of other movies may be partial.
        """
        places = self._candidates()
        costs = np.array([self.cost(position, places) for position in self._first_positions])
        is_found = np.isfinite(costs).any(axis=0)
        return places[is_found], costs[:, is_found]

    def cost(self, position: int, places: Indices) -> Costs:
        """Return the cost of matching the term at each place, or inf."""
        costs = self._cost_alone(position, places)
        if position in self._adjacent:
            costs[np.isinf(self._cost_alone(position + 1, places + 1))] = np.inf
        if position - 1 in self._adjacent:
            costs[np.isinf(self._cost_alone(position - 1, places - 1))] = np.inf
        return costs

    def find_phrases(self, positions: range, places: Indices) -> tuple[Indices, Costs]:
        """Return the places where the terms match one after the other in one name, and the sum of their costs."""
        costs = np.zeros(places.size)
        for distance, position in enumerate(positions):
            costs = costs + self.cost(position, places + distance)
            is_possible = np.isfinite(costs)
            places, costs = places[is_possible], costs[is_possible]
        return places, costs

    def _cost_alone(self, position: int, places: Indices) -> Costs:
        # Places before and after the stream are clipped to its last entry, which is the end of a name.
        places = np.minimum(places, self._last_place)
        word = self.postings.word[places]
        costs = self._tables[position].costs_of(word)
        is_described = self._tables[position].describes(word)
        if is_described is not None:
            is_described &= self.postings.field[self.postings.name[places]] == Field.METADATA
            costs[is_described] = np.minimum(costs[is_described], self._terms[position].described_cost)
        return costs

    def _candidates(self) -> Indices:
        """Return all places of the movies that may match, or only those of matching words if the movies are many."""
        tables = sorted(
            (self._tables[position] for position in self._first_positions), key=lambda table: table.n_places
        )
        may_match = np.ones(self.postings.n_movies, dtype=np.bool_)
        n_corrected = np.zeros(self.postings.n_movies, dtype=np.uint8)
        for table in tables:
            may_match &= table.movies
            if len(tables) > MAX_CORRECTED_OF_MANY and table.corrected is not None:
                n_corrected += table.corrected
                may_match &= n_corrected <= MAX_CORRECTED_TERMS
            n_movies = np.count_nonzero(may_match)
            if not n_movies or (n_movies <= FEW_MOVIES and len(tables) <= MAX_CORRECTED_TERMS):
                return self.postings.places_in(np.flatnonzero(may_match))
        if n_movies <= FEW_MOVIES:
            return self.postings.places_in(np.flatnonzero(may_match))
        if n_movies > MANY_MOVIES:
            may_match &= n_corrected <= MAX_CORRECTED_OF_MANY
        places = np.concatenate([part for table in tables for part in table.places()])
        if len(tables) > 1:
            places = places[may_match[self.postings.movie[self.postings.name[places]]]]
        places.sort()
        # Faster than np.unique on numbers that are almost sorted.
        return places[np.diff(places, prepend=-1) > 0]
