"""Where in its titles a movie has the words of a query."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from server.search.readings import TYPO, Interpretation, TermExpansion
from server.search.text import MARKS_AND_FORMAT_CHARACTERS, WrittenWord, locate_words
from server.search.vocabulary import Vocabulary

IN_NO_TITLE = TYPO / 2
"""What a word costs that only genres or year have: less than a typo, more than anything else."""


class Span(NamedTuple):
    """Characters of a text, from ``start`` to before ``end``."""

    start: int
    end: int


class _Wanted(NamedTuple):
    """A word of a query: as it was typed, and what each word of the catalogue costs that does for it."""

    typed: str
    cost: dict[str, float]


class Highlighter:
    """Marks in the titles of movies what one query found in them."""

    def __init__(self, vocabulary: Vocabulary, readings: Iterable[Interpretation]) -> None:
        self._readings = [[_wanted(vocabulary, meaning) for meaning in reading.meanings] for reading in readings]

    def mark(self, titles: Sequence[str]) -> list[list[Span]]:
        """Return, for each title of one movie, where words of the query stand, in order, none within another.

        The query is read as fits the titles best. Of the words that do for one of the query, those with the fewest
        typos are marked; where a word goes on after what was typed, its beginning.
        """
        words = [locate_words(title) for title in titles]
        said = {word.word for found in words for word in found}
        reading = min(self._readings, key=lambda reading: sum(_least(wanted, said) for wanted in reading), default=[])
        marks = {word: _n_letters(word, wanted) for wanted in reading for word in _best(wanted, said)}
        return [
            _disjoint(_span(title, word, marks[word.word]) for word in found if word.word in marks)
            for title, found in zip(titles, words, strict=True)
        ]


def _wanted(vocabulary: Vocabulary, meaning: TermExpansion) -> _Wanted:
    # Of a word that is there twice the later cost stays, which is the smaller one.
    order = np.argsort(-meaning.costs, kind="stable")
    words = (vocabulary.words[number] for number in meaning.words[order].tolist())
    return _Wanted(meaning.typed, dict(zip(words, meaning.costs[order].tolist(), strict=True)))


def _least(wanted: _Wanted, said: set[str]) -> float:
    return min((wanted.cost[word] for word in wanted.cost.keys() & said), default=IN_NO_TITLE)


def _best(wanted: _Wanted, said: set[str]) -> set[str]:
    """Return the words that do with the fewest typos."""
    fewest = _least(wanted, said) // TYPO
    return {word for word in wanted.cost.keys() & said if wanted.cost[word] // TYPO == fewest}


def _n_letters(word: str, wanted: _Wanted) -> int:
    return len(wanted.typed) if word.startswith(wanted.typed) else len(word)


def _span(text: str, word: WrittenWord, n_letters: int) -> Span:
    """Return where the first letters of a word stand, with the accents that are characters of their own."""
    end = word.origins[n_letters - 1] + 1
    while end < len(text) and unicodedata.category(text[end]) in MARKS_AND_FORMAT_CHARACTERS:
        end += 1
    return Span(word.origins[0], end)


def _disjoint(spans: Iterable[Span]) -> list[Span]:
    """Leave out what overlaps a span before it: "½" is two words in one character."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept
