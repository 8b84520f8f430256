"""The ways to interpret a query: which words of the vocabulary each word may match, and at what cost.

A word matches itself at no cost. It matches a longer word that it begins, a misspelt word, or a genre or year by
another name at some cost. Words may also have been joined or split by mistake: each such way is an interpretation of
its own.
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
"""More than everything else together, so that fewer typos come first."""
UNFINISHED = 1.45
"""Cost of completing the last word."""
JOINED_OR_SPLIT = 0.5
"""Cost of interpreting "spiderman" as "spider man", or the other way round."""
OTHER_NUMERAL = 0.2
"""Cost of interpreting "2" as "II", or the other way round."""
MAX_WORDS = 16
"""In longer queries no words are joined or split, because each way is a search of its own."""
SHORTEST_JOINED = 4
"""Shorter words are never split in two."""
MAX_CACHED_EXPANSIONS = 4096
"""At most this many expansions are cached: a few megabytes, as few words have many completions."""
NO_WORDS = np.empty(0, dtype=np.int32)

Costs = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TermExpansion:
    """The words of the vocabulary that a word of a query may match, each with its cost."""

    typed: str
    words: Numbers
    costs: Costs
    """By word. If a word is listed twice, the smaller cost counts."""
    described_by: Numbers
    """Words that match in the metadata (genres and year) at no cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Interpretation:
    """Terms that must all match. The term at ``split``, if set, must be followed directly by the next one."""

    terms: tuple[TermExpansion, ...]
    split: int | None = None


class Interpreter:
    """Interprets queries in the words of a catalogue. Safe to share between threads."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        # While somebody types, the same words arrive again and again; each is looked up once.
        self._expand = lru_cache(MAX_CACHED_EXPANSIONS)(partial(_expand, postings.vocabulary))

    def interpret(self, query: Query) -> Iterator[list[Interpretation]]:
        """Yield interpretations in groups; try the next group only if one finds nothing without typos."""
        terms = [self._expand(word, is_unfinished=False) for word in query.words[:-1]]
        last = self._expand(query.words[-1], is_unfinished=query.is_unfinished)
        return _QueryInterpreter(self._postings, query, (*terms, last)).interpretations()


class _QueryInterpreter:
    """The ways to interpret one query."""

    def __init__(self, postings: Postings, query: Query, terms: tuple[TermExpansion, ...]) -> None:
        self._postings = postings
        self._vocabulary = postings.vocabulary
        self._query = query
        self._last = len(query.words) - 1
        self._terms = terms

    def interpretations(self) -> Iterator[list[Interpretation]]:
        """Yield the words as typed, and with two joined or one split into whole words; then the unfinished ways.

        Joining the last two words into the beginning of one, or splitting the last into a word and the beginning of
        another, is as likely as the rest if the vocabulary lacks the last word. Otherwise it is the second group.
        """
        if self._last >= MAX_WORDS:
            yield [Interpretation(self._terms)]
            return
        whole = [Interpretation(self._terms), *self._joined(), *self._split()]
        unfinished = [*self._joined_beginning(), *self._split_beginning()] if self._query.is_unfinished else []
        if self._vocabulary.find(self._query.words[-1]) is None:
            yield whole + unfinished
        else:
            yield whole
            yield unfinished

    def _joined(self) -> Iterator[Interpretation]:
        """Join two neighbours: "spider man" to "spiderman", "science fiction" to the synonym of a genre."""
        for position in range(self._last):
            word = "".join(self._query.words[position : position + 2])
            number, described_by = self._vocabulary.find(word), _described_by(self._vocabulary, word)
            if number is not None or described_by.size:
                yield self._with(position, 2, _only(word, _range(number), JOINED_OR_SPLIT, described_by))

    def _joined_beginning(self) -> Iterator[Interpretation]:
        """Join the last two words to the beginning of one: "spider m" to "spiderman"."""
        word = "".join(self._query.words[-2:])
        longer = self._vocabulary.find_longer(word)
        if self._last > 0 and longer:
            yield self._with(self._last - 1, 2, _only(word, longer, JOINED_OR_SPLIT + UNFINISHED))

    def _split(self) -> Iterator[Interpretation]:
        """Split a word into two that are neighbours somewhere: "spiderman" into "spider man"."""
        for position, word in enumerate(self._query.words):
            for head, tail in _halves(word):
                yield from self._together(position, head, tail, _range(self._vocabulary.find(tail)), JOINED_OR_SPLIT)

    def _split_beginning(self) -> Iterator[Interpretation]:
        """Split the last word into one and the beginning of another: "spiderm" into "spider man"."""
        for head, tail in _halves(self._query.words[-1]):
            longer = self._vocabulary.find_longer(tail)
            yield from self._together(self._last, head, tail, longer, JOINED_OR_SPLIT + UNFINISHED)

    def _together(self, position: int, head: str, tail: str, tails: range, cost: float) -> Iterator[Interpretation]:
        """Replace a word by two if they are neighbours anywhere."""
        number = self._vocabulary.find(head) if tails else None
        if number is not None and self._postings.are_neighbours(number, tails):
            yield self._with(position, 1, _only(head, _range(number), 0), _only(tail, tails, cost), split=position)

    def _with(self, position: int, n_words: int, *others: TermExpansion, split: int | None = None) -> Interpretation:
        """Replace the words at a position."""
        return Interpretation((*self._terms[:position], *others, *self._terms[position + n_words :]), split)


def _expand(vocabulary: Vocabulary, word: str, *, is_unfinished: bool) -> TermExpansion:
    """Expand a word to itself, to others within its budget of typos, and to longer ones if it is unfinished."""
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
