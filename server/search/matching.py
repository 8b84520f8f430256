"""Finds the places in the catalogue that match the terms of an interpretation, and their costs."""

import numpy as np

from server.search.interpretations import Costs, Interpretation, TermExpansion
from server.search.postings import Field, Indices, Postings
from server.search.vocabulary import Numbers

FEW_MOVIES = 1000
"""At most this many movies are scanned word by word; that is faster than intersecting further postings."""


class CostTable:
    """The cost of each word of the vocabulary as a match of one term."""

    def __init__(self, term: TermExpansion, n_words: int) -> None:
        self._costs = np.append(np.inf, term.costs)
        # One entry per word of the vocabulary: the index into the few costs, 0 for none. Zeroed memory costs almost
        # nothing to allocate, infinities would. The extra entry is that of END_OF_NAME, which is -1.
        self._which = np.zeros(n_words + 1, np.int32)
        # If a word is listed twice, the last entry wins, so the largest costs come first.
        order = np.argsort(-term.costs, kind="stable")
        self._which[term.words[order]] = order + 1

    def costs_of(self, words: Numbers) -> Costs:
        """Return the cost of each word, inf for words that do not match."""
        return self._costs[self._which[words]]


class CostTables(dict[TermExpansion, CostTable]):
    """The cost tables of the terms of a query, shared by its interpretations."""

    def __init__(self, postings: Postings) -> None:
        super().__init__()
        self._n_words = len(postings.vocabulary)

    def __missing__(self, term: TermExpansion) -> CostTable:
        """Create the table of one more term."""
        table = self[term] = CostTable(term, self._n_words)
        return table


class Matcher:
    """Matches one interpretation with the stream of words. Terms are identified by their position in it."""

    def __init__(self, postings: Postings, interpretation: Interpretation, tables: CostTables) -> None:
        self.postings = postings
        self._terms = interpretation.terms
        self._split = interpretation.split
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
        if position == self._split:
            costs[np.isinf(self._cost_alone(position + 1, places + 1))] = np.inf
        if position - 1 == self._split:
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
        word = self.postings.word[np.minimum(places, self._last_place)]
        costs = self._tables[position].costs_of(word)
        described_by = self._terms[position].described_by
        if described_by.size:
            field = self.postings.field[self.postings.name[np.minimum(places, self._last_place)]]
            costs[(field == Field.METADATA) & np.isin(word, described_by)] = 0
        return costs

    def _candidates(self) -> Indices:
        """Return all places of the movies that may match, or only those of matching words if the movies are many."""
        words = sorted((_all_words(term) for term in set(self._terms)), key=self.postings.count_places)
        may_match = np.ones(self.postings.n_movies, dtype=np.bool_)
        for numbers in words:
            may_match &= self.postings.movies_with(numbers)
            if np.count_nonzero(may_match) <= FEW_MOVIES:
                return self.postings.places_in(np.flatnonzero(may_match))
        places = np.concatenate([self.postings.places_of(numbers) for numbers in words])
        places = np.sort(places[may_match[self.postings.movie[self.postings.name[places]]]])
        # Faster than np.unique on numbers that are almost sorted.
        return places[np.diff(places, prepend=-1) > 0].astype(np.int64)


def _all_words(term: TermExpansion) -> Numbers:
    return np.concatenate((term.words, term.described_by))
