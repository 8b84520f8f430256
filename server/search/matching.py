"""Where the words of a reading stand in the catalogue, and what it costs to take them for the words meant."""

import numpy as np

from server.search.postings import Field, Indices, Postings
from server.search.readings import Costs, Interpretation, TermExpansion
from server.search.vocabulary import Numbers

FEW_MOVIES = 1000
"""Looking at all the words of so many is quicker than finding out which of them have another word."""


class CostTable:
    """What each word of the vocabulary costs as one meaning."""

    def __init__(self, meaning: TermExpansion, n_words: int) -> None:
        self._costs = np.append(np.inf, meaning.costs)
        # As long as the vocabulary, so it holds no costs, but which of the few it is, 0 for none: memory that is zero
        # is had for nothing. The last is of END_OF_NAME, which is the last index, too.
        self._which = np.zeros(n_words + 1, np.int32)
        # Of a word that is there twice the last counts, so the dearest come first.
        order = np.argsort(-meaning.costs, kind="stable")
        self._which[meaning.words[order]] = order + 1

    def of(self, words: Numbers) -> Costs:
        """Return what words cost, inf for those that are not meant."""
        return self._costs[self._which[words]]


class CostTables(dict[TermExpansion, CostTable]):
    """The tables of a query's meanings, which its readings share."""

    def __init__(self, postings: Postings) -> None:
        super().__init__()
        self._n_words = len(postings.vocabulary)

    def __missing__(self, meaning: TermExpansion) -> CostTable:
        """Make the table of one more meaning."""
        table = self[meaning] = CostTable(meaning, self._n_words)
        return table


class Matcher:
    """Matches one reading with the stream of words. A word of the reading goes by its position there."""

    def __init__(self, postings: Postings, reading: Interpretation, tables: CostTables) -> None:
        self.postings = postings
        self._meanings = reading.meanings
        self._split = reading.split
        self._tables = [tables[meaning] for meaning in reading.meanings]
        positions = {meaning: position for position, meaning in reversed(list(enumerate(reading.meanings)))}
        self._first_positions = sorted(positions.values())
        self.rows = [self._first_positions.index(positions[meaning]) for meaning in reading.meanings]
        """By word: its row in what is found, which it shares with the same word said before."""
        self._last_place = max(postings.word.size - 1, 0)

    @property
    def n_words(self) -> int:
        """How many words must be found."""
        return len(self._meanings)

    def find(self) -> tuple[Indices, Costs]:
        """Return places, ascending, where one of the words stands, and by word and place its cost there.

        Of movies that have all the words all such places are among them, of others perhaps some. ``rows`` tells which
        row is whose.
        """
        places = self._candidates()
        costs = np.array([self.cost(position, places) for position in self._first_positions])
        is_found = np.isfinite(costs).any(axis=0)
        return places[is_found], costs[:, is_found]

    def cost(self, position: int, places: Indices) -> Costs:
        """Return, by place, what it costs to take what stands there for a word, or inf."""
        costs = self._cost_alone(position, places)
        if position == self._split:
            costs[np.isinf(self._cost_alone(position + 1, places + 1))] = np.inf
        if position - 1 == self._split:
            costs[np.isinf(self._cost_alone(position - 1, places - 1))] = np.inf
        return costs

    def find_phrases(self, words: range, places: Indices) -> tuple[Indices, Costs]:
        """Return the places from which on the words stand, one after the other in one name, and what that costs."""
        costs = np.zeros(places.size)
        for distance, position in enumerate(words):
            costs = costs + self.cost(position, places + distance)
            is_possible = np.isfinite(costs)
            places, costs = places[is_possible], costs[is_possible]
        return places, costs

    def _cost_alone(self, position: int, places: Indices) -> Costs:
        # What is past the stream is taken for its end, and what is before it, too: the end of a name.
        word = self.postings.word[np.minimum(places, self._last_place)]
        costs = self._tables[position].of(word)
        described_by = self._meanings[position].described_by
        if described_by.size:
            field = self.postings.field[self.postings.name[np.minimum(places, self._last_place)]]
            costs[(field == Field.DESCRIPTION) & np.isin(word, described_by)] = 0
        return costs

    def _candidates(self) -> Indices:
        """Return all places of few movies or, if many may have all the words, the places of these words in them."""
        words = sorted((_all_words(meaning) for meaning in set(self._meanings)), key=self.postings.count_places)
        may_have_all = np.ones(self.postings.n_movies, dtype=np.bool_)
        for numbers in words:
            may_have_all &= self.postings.movies_with(numbers)
            if np.count_nonzero(may_have_all) <= FEW_MOVIES:
                return self.postings.places_in(np.flatnonzero(may_have_all))
        places = np.concatenate([self.postings.places_of(numbers) for numbers in words])
        places = np.sort(places[may_have_all[self.postings.movie[self.postings.name[places]]]])
        # np.unique, which sorts as well, goes a slower way.
        return places[np.diff(places, prepend=-1) > 0].astype(np.int64)


def _all_words(meaning: TermExpansion) -> Numbers:
    return np.concatenate((meaning.words, meaning.described_by))
