"""The ways to interpret a query: which words of the vocabulary each word may match, and at what cost.

A word matches itself at no cost. It matches another form, a longer word that it begins, a misspelt word, or a genre or
year by another name at some cost (see ``server.search.expansions``). The query may also be divided into other words
(see ``server.search.variants``), and words may have been joined or split by mistake: each such way is an interpretation
of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain

from server.search.expansions import (
    UNFINISHED,
    Role,
    TermExpansion,
    as_range,
    described_by,
    expand,
    only,
)
from server.search.postings import Postings
from server.search.text import Query
from server.search.variants import Variant, variants
from server.search.vocabulary import SHORTEST_MISSPELT

JOINED_OR_SPLIT = 0.5
"""Cost of interpreting "spiderman" as "spider man", or the other way round."""
MAX_WORDS = 16
"""Longer queries have one interpretation, because each is a search of its own."""
MAX_INTERPRETATIONS = 24
"""At most this many interpretations are in one group, the likeliest first."""
SHORTEST_JOINED = 4
"""Shorter words are split only into letters."""
LONGEST_INITIALS = 5
MAX_CACHED_EXPANSIONS = 4096
"""At most this many expansions are cached: a few megabytes, as few words have many completions."""
IMPLIED_NUMBERS = {"1", "i", "one"}


@dataclass(frozen=True, slots=True, eq=False)
class Interpretation:
    """Terms that must all match. Each term at an ``adjacent`` position must be followed directly by the next one."""

    terms: tuple[TermExpansion, ...]
    adjacent: frozenset[int] = frozenset()
    cost: float = 0.0

    def replaced(self, start: int, stop: int, *others: TermExpansion) -> "Interpretation":
        """Return the interpretation with other terms, adjacent to each other, in place of some."""
        shift = len(others) - (stop - start)
        before = {position for position in self.adjacent if position < start - 1}
        after = {position + shift for position in self.adjacent if position >= stop}
        new = range(start, start + len(others) - 1)
        terms = (*self.terms[:start], *others, *self.terms[stop:])
        return Interpretation(terms, frozenset({*before, *after, *new}), self.cost)


class Interpreter:
    """Interprets queries in the words of a catalogue. Safe to share between threads."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        # While somebody types, the same words arrive again and again; each is looked up once.
        self._expand = lru_cache(MAX_CACHED_EXPANSIONS)(partial(expand, postings.vocabulary))

    def interpret(self, query: Query) -> Iterator[list[Interpretation]]:
        """Yield interpretations in groups; try the next group only if one finds nothing without typos.

        In the first group, the words are as typed or in another variant, or two are joined, or one is split. If the
        vocabulary lacks the last word, it also has the words joined to the beginning of a word, or split into a word
        and the beginning of another. Otherwise these are the second group.
        """
        if len(query.words) > MAX_WORDS:
            yield [self._as_typed(query)]
            return
        vocabulary = self._postings.vocabulary
        divided = [
            _Divider(self._postings, variant.words, self._expand_all(variant, query))
            for variant in variants(query.words, self._occurs)
        ]
        plain = [divider.whole for divider in divided]
        whole = [*plain, *chain.from_iterable(divider.joined_or_split() for divider in divided)]
        if not query.is_unfinished:
            yield whole[:MAX_INTERPRETATIONS]
            return
        unfinished = list(chain.from_iterable(divider.unfinished() for divider in divided))
        if vocabulary.find(query.words[-1]) is None:
            yield [*whole[:MAX_INTERPRETATIONS], *unfinished[:MAX_INTERPRETATIONS]]
        else:
            yield whole[:MAX_INTERPRETATIONS]
            yield unfinished[:MAX_INTERPRETATIONS]

    def imply_number(self, query: Query) -> list[Interpretation]:
        """Return the query without a number 1 at its end, because the first film of a series seldom has it."""
        if len(query.words) < 2 or query.words[-1] not in IMPLIED_NUMBERS:
            return []
        return [self._as_typed(Query(query.words[:-1], is_unfinished=False))]

    def interpret_leniently(self, query: Query) -> list[Interpretation]:
        """Return interpretations of a query without hits: words of four letters may be misspelt."""
        if len(query.words) > MAX_WORDS or all(len(word) != SHORTEST_MISSPELT for word in query.words):
            return []
        return [self._expand_all(Variant(query.words), query, is_lenient=True)]

    def count_work(self, query: Query) -> int:
        """Return an upper bound of the places that match the rarest term, times the number of terms."""
        terms = set(self._as_typed(query).terms)
        return len(terms) * min(
            self._postings.count_places(term.words) + self._postings.count_places(term.described_by) for term in terms
        )

    def _occurs(self, words: Sequence[str]) -> bool:
        return self._postings.are_consecutive([self._postings.vocabulary.find(word) for word in words])

    def _as_typed(self, query: Query) -> Interpretation:
        return self._expand_all(Variant(query.words), query)

    def _expand_all(self, variant: Variant, query: Query, *, is_lenient: bool = False) -> Interpretation:
        last = len(variant.words) - 1
        terms = (
            self._expand(word, Role(query.is_unfinished and position == last, position == 0, last == 0, is_lenient))
            for position, word in enumerate(variant.words)
        )
        return Interpretation(tuple(terms), variant.adjacent, variant.cost)


class _Divider:
    """Joins and splits words of one interpretation."""

    def __init__(self, postings: Postings, words: tuple[str, ...], whole: Interpretation) -> None:
        self.whole = whole
        self._postings = postings
        self._vocabulary = postings.vocabulary
        self._words = words
        self._last = len(words) - 1

    def joined_or_split(self) -> Iterator[Interpretation]:
        """Yield the interpretations with two words joined or one split."""
        yield from self._joined()
        for position, word in enumerate(self._words):
            yield from self._split(position, word)

    def unfinished(self) -> Iterator[Interpretation]:
        """Yield those with the last words joined to, or the last split into, the beginning of a word."""
        yield from self._joined_beginning()
        for head, tail in _halves(self._words[-1]):
            longer = self._vocabulary.find_longer(tail)
            yield from self._together(self._last, head, tail, longer, JOINED_OR_SPLIT + UNFINISHED)

    def _joined(self) -> Iterator[Interpretation]:
        """Join two neighbours: "spider man" to "spiderman", "science fiction" to the synonym of a genre."""
        for position in range(self._last):
            word = "".join(self._words[position : position + 2])
            number, synonyms = self._vocabulary.find(word), described_by(self._vocabulary, word)
            if number is not None or synonyms.size:
                joined = only(word, as_range(number), JOINED_OR_SPLIT, synonyms)
                yield self.whole.replaced(position, position + 2, joined)

    def _joined_beginning(self) -> Iterator[Interpretation]:
        """Join the last two words to the beginning of one: "spider m" to "spiderman"."""
        word = "".join(self._words[-2:])
        longer = self._vocabulary.find_longer(word)
        if self._last > 0 and longer:
            joined = only(word, longer, JOINED_OR_SPLIT + UNFINISHED)
            yield self.whole.replaced(self._last - 1, self._last + 1, joined)

    def _split(self, position: int, word: str) -> Iterator[Interpretation]:
        """Split a word into two that are neighbours somewhere, "spiderman" into "spider man", or into its letters."""
        for head, tail in _halves(word):
            yield from self._together(position, head, tail, as_range(self._vocabulary.find(tail)), JOINED_OR_SPLIT)
        if 1 < len(word) <= LONGEST_INITIALS and word.isalpha() and self._vocabulary.find(word) is None:
            yield from self._spaced(position, word)

    def _spaced(self, position: int, initials: str) -> Iterator[Interpretation]:
        """Split initials: "fx" into "f x"."""
        if self._postings.are_consecutive([self._vocabulary.find(letter) for letter in initials]):
            letters = (only(letter, as_range(self._vocabulary.find(letter)), 0) for letter in initials)
            yield self.whole.replaced(position, position + 1, *letters)

    def _together(self, position: int, head: str, tail: str, tails: range, cost: float) -> Iterator[Interpretation]:
        """Replace a word by two if they are neighbours anywhere."""
        number = self._vocabulary.find(head) if tails else None
        if number is not None and self._postings.are_neighbours(number, tails):
            yield self.whole.replaced(position, position + 1, only(head, as_range(number), 0), only(tail, tails, cost))


def _halves(word: str) -> Iterator[tuple[str, str]]:
    if len(word) >= SHORTEST_JOINED:
        yield from ((word[:end], word[end:]) for end in range(1, len(word)))
