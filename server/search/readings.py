"""What the words of a query may mean, and what each meaning costs.

A word stands for itself at no cost, and at some for a longer word that it begins, for misspelt ones, for genres and
years by another name. Words may also have been joined or split by mistake: each such way is a reading of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from server.search.postings import Postings
from server.search.synonyms import NUMERALS, describing_words
from server.search.text import Query
from server.search.vocabulary import Numbers, Vocabulary, typo_budget

TYPO = 100.0
"""More than all else together: fewer typos come first."""
UNFINISHED = 1.45
"""For reading the last word as the beginning of another."""
JOINED_OR_SPLIT = 0.5
"""For reading "spiderman" as "spider man", or the other way round."""
OTHER_NUMERAL = 0.2
"""For reading "2" as "II", or the other way round."""
MOST_WORDS = 16
"""In longer queries no words are joined or split: each way is a search of its own."""
SHORTEST_JOINED = 4
"""Shorter words are not taken for two joined ones."""
MOST_MEANINGS = 4096
"""So many are kept; a few megabytes, for what many words begin with is short, and there are few short beginnings."""
NO_WORDS = np.empty(0, dtype=np.int32)

Costs = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TermExpansion:
    """The words of the vocabulary that a word of a query may stand for, and what each costs."""

    typed: str
    words: Numbers
    costs: Costs
    """Of each of the words; of one that is there twice the smaller cost counts."""
    described_by: Numbers
    """Words that do as well in genres and year, at no cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Interpretation:
    """Meanings that must all be found; after ``split``, the position of one of two joined words, stands the other."""

    meanings: tuple[TermExpansion, ...]
    split: int | None = None


class Reader:
    """Reads queries in the words of a catalogue. Threads may share it."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        # A word that is said again, as while somebody types, is the same meaning, which is looked for once.
        self._find_meaning = lru_cache(MOST_MEANINGS)(partial(_find_meaning, postings.vocabulary))

    def read(self, query: Query) -> "QueryReader":
        """Find what the words of a query may mean."""
        meanings = [self._find_meaning(word, is_unfinished=False) for word in query.words[:-1]]
        last = self._find_meaning(query.words[-1], is_unfinished=query.is_unfinished)
        return QueryReader(self._postings, query, (*meanings, last))


class QueryReader:
    """The ways to read one query."""

    def __init__(self, postings: Postings, query: Query, meanings: tuple[TermExpansion, ...]) -> None:
        self._postings = postings
        self._vocabulary = postings.vocabulary
        self._query = query
        self._last = len(query.words) - 1
        self._meanings = meanings

    def readings(self) -> Iterator[list[Interpretation]]:
        """Yield readings in groups; the next group counts where one finds nothing without typos.

        In the first the words are as they are, or two are joined or one is split into whole words. That the last two
        are joined to the beginning of a word, or the last is split into a word and the beginning of one, is as likely
        if there is no such word as the last; else it is the second group.
        """
        if self._last >= MOST_WORDS:
            yield [Interpretation(self._meanings)]
            return
        whole = [Interpretation(self._meanings), *self._joined(), *self._split()]
        unfinished = [*self._joined_beginning(), *self._split_beginning()] if self._query.is_unfinished else []
        if self._vocabulary.find(self._query.words[-1]) is None:
            yield whole + unfinished
        else:
            yield whole
            yield unfinished

    def _joined(self) -> Iterator[Interpretation]:
        """Take two neighbours for one word: "spider man" for "spiderman", "science fiction" for a genre."""
        for position in range(self._last):
            word = "".join(self._query.words[position : position + 2])
            number, described_by = self._vocabulary.find(word), _described_by(self._vocabulary, word)
            if number is not None or described_by.size:
                yield self._with(position, 2, _only(word, _range(number), JOINED_OR_SPLIT, described_by))

    def _joined_beginning(self) -> Iterator[Interpretation]:
        """Take the last two words for the beginning of one: "spider m" for "spiderman"."""
        word = "".join(self._query.words[-2:])
        longer = self._vocabulary.find_longer(word)
        if self._last > 0 and longer:
            yield self._with(self._last - 1, 2, _only(word, longer, JOINED_OR_SPLIT + UNFINISHED))

    def _split(self) -> Iterator[Interpretation]:
        """Take a word for two that stand together: "spiderman" for "spider man"."""
        for position, word in enumerate(self._query.words):
            for head, tail in _halves(word):
                yield from self._together(position, head, tail, _range(self._vocabulary.find(tail)), JOINED_OR_SPLIT)

    def _split_beginning(self) -> Iterator[Interpretation]:
        """Take the last word for one and the beginning of another: "spiderm" for "spider man"."""
        for head, tail in _halves(self._query.words[-1]):
            longer = self._vocabulary.find_longer(tail)
            yield from self._together(self._last, head, tail, longer, JOINED_OR_SPLIT + UNFINISHED)

    def _together(self, position: int, head: str, tail: str, tails: range, cost: float) -> Iterator[Interpretation]:
        """Read a word as two, if they stand together anywhere."""
        number = self._vocabulary.find(head) if tails else None
        if number is not None and self._postings.are_neighbours(number, tails):
            yield self._with(position, 1, _only(head, _range(number), 0), _only(tail, tails, cost), split=position)

    def _with(self, position: int, n_words: int, *others: TermExpansion, split: int | None = None) -> Interpretation:
        """Read the words at a position otherwise."""
        return Interpretation((*self._meanings[:position], *others, *self._meanings[position + n_words :]), split)


def _find_meaning(vocabulary: Vocabulary, word: str, *, is_unfinished: bool) -> TermExpansion:
    """Let a word stand for itself, for others within its budget of typos, and for longer ones if it is unfinished."""
    budget = typo_budget(word)
    number = _range(vocabulary.find(word))
    found: list[tuple[NDArray[np.integer], NDArray[np.floating]]] = [(np.array(number), np.zeros(len(number)))]
    if numeral := _range(vocabulary.find(NUMERALS.get(word, ""))):
        found.append((np.array(numeral), np.full(1, OTHER_NUMERAL)))
    if is_unfinished:
        longer = np.array(vocabulary.find_longer(word))
        found.append((longer, np.full(longer.size, UNFINISHED)))
    if budget:
        misspelt = vocabulary.find_misspelt(word, budget)
        found.append((misspelt.numbers, TYPO * misspelt.typos))
    if budget and is_unfinished:
        misspelt = vocabulary.find_misspelt_beginnings(word, budget)
        found.append((misspelt.numbers, UNFINISHED + TYPO * misspelt.typos))
    words, costs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return TermExpansion(word, words.astype(np.int32), costs, _described_by(vocabulary, word))


def _only(word: str, numbers: range, cost: float, described_by: Numbers = NO_WORDS) -> TermExpansion:
    return TermExpansion(word, np.array(numbers, dtype=np.int32), np.full(len(numbers), cost), described_by)


def _described_by(vocabulary: Vocabulary, word: str) -> Numbers:
    found = (vocabulary.find(other) for other in describing_words(word))
    return np.array([number for number in found if number is not None], dtype=np.int32)


def _range(number: int | None) -> range:
    return range(0) if number is None else range(number, number + 1)


def _halves(word: str) -> Iterator[tuple[str, str]]:
    if len(word) >= SHORTEST_JOINED:
        yield from ((word[:end], word[end:]) for end in range(1, len(word)))
