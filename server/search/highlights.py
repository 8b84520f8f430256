"""Highlights: the characters of a title that match a query."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.search.expansions import BEHIND, TYPO, TermExpansion
from server.search.folding import MARKS_AND_FORMAT_CHARACTERS
from server.search.interpretations import Interpretation
from server.search.text import WrittenWord, locate_words
from server.search.vocabulary import Vocabulary

IN_NO_TITLE = TYPO / 2
"""Cost of a word that only the metadata has: less than a typo, more than anything else."""


class Span(NamedTuple):
    """A range of characters, ``end`` excluded."""

    start: int
    end: int


class _Wanted(NamedTuple):
    """A word of a query as typed, and the cost of each word of the catalogue that matches it."""

    typed: str
    cost: dict[str, float]


class Highlighter:
    """Marks the words of one query in the titles of movies."""

    def __init__(self, vocabulary: Vocabulary, interpretations: Iterable[Interpretation]) -> None:
        self._interpretations = [[_wanted(vocabulary, term) for term in each.terms] for each in interpretations]

    def mark(self, titles: Sequence[str]) -> list[list[Span]]:
        """Return the spans of matching words for each title of one movie, in order, without overlaps.

        The interpretation that fits the titles best counts. If several words match one of the query, those with the
        fewest typos are marked. If a word continues what was typed, only its beginning is marked.
        """
        words = [locate_words(title) for title in titles]
        written = {word.word for found in words for word in found}
        best = min(
            self._interpretations, key=lambda terms: sum(_least_cost(wanted, written) for wanted in terms), default=[]
        )
        marks = {word: _n_letters(word, wanted) for wanted in best for word in _best_words(wanted, written)}
        return [
            _disjoint(_span(title, word, marks[word.word]) for word in found if word.word in marks)
            for title, found in zip(titles, words, strict=True)
        ]


def _wanted(vocabulary: Vocabulary, term: TermExpansion) -> _Wanted:
    words = vocabulary.list_words(term.words)
    return _Wanted(term.typed, dict(zip(words, term.costs.tolist(), strict=True)))


def _least_cost(wanted: _Wanted, written: set[str]) -> float:
    return min((wanted.cost[word] for word in wanted.cost.keys() & written), default=IN_NO_TITLE)


def _best_words(wanted: _Wanted, written: set[str]) -> set[str]:
    """Return the written words that match as typed or, if there are none, in another form, or with the fewest typos."""
    least = _least_cost(wanted, written) // BEHIND
    return {word for word in wanted.cost.keys() & written if wanted.cost[word] // BEHIND == least}


def _n_letters(word: str, wanted: _Wanted) -> int:
    return len(wanted.typed) if word.startswith(wanted.typed) else len(word)


def _span(text: str, word: WrittenWord, n_letters: int) -> Span:
    """Return the span of the first letters of a word, including accents that are separate characters."""
    end = word.origins[n_letters - 1] + 1
    while end < len(text) and unicodedata.category(text[end]) in MARKS_AND_FORMAT_CHARACTERS:
        end += 1
    return Span(word.origins[0], end)


def _disjoint(spans: Iterable[Span]) -> list[Span]:
    """Skip spans that overlap the previous one: "½" is two words in one character."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start >= kept[-1].end:
            kept.append(span)
    return kept
