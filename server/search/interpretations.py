"""The ways to interpret a query: which words of the vocabulary each word may match, and at what cost.

A word matches itself at no cost. It matches another form, a longer word that it begins, a misspelt word, or a genre or
year by another name at some cost (see ``server.search.expansions``). The query may also be divided into other words
(see ``server.search.variants``), and words may have been joined or split by mistake: each such way is an interpretation
of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice

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
MAX_CACHED_EXPANSIONS = 3072
"""At most this many expansions are cached: a few megabytes, as few words have many completions."""
MAX_CACHED_SPLITS = 512
MAX_CACHED_SPELLINGS = 1024
IMPLIED_NUMBERS = {"1", "i", "one"}

Splits = Callable[[str], list[tuple[TermExpansion, ...]]]
"""Returns the ways to split a word."""


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
        # While somebody types, the same words arrive again and again; each is looked up once. It moves the rows of
        # `make bench-search` over HTTP, where a query is looked up twice: to decide where it runs, and to run it.
        self._expand = lru_cache(MAX_CACHED_EXPANSIONS)(partial(expand, postings))
        # Caches call methods of another object: in a cycle, a replaced index would wait for the garbage collector.
        self._splitter = WordSplitter(postings)
        self._split = lru_cache(MAX_CACHED_SPLITS)(self._splitter.split)
        # A year has eight spellings, each of which is searched for: the kind "title and year".
        self._are_consecutive = lru_cache(MAX_CACHED_SPELLINGS)(self._splitter.are_consecutive)

    def interpret(self, query: Query) -> Iterator[list[Interpretation]]:
        """Yield interpretations in groups; try the next group only if one finds nothing without typos.

        In the first group, the words are as typed or in another variant, or two are joined, or one is split. If the
        vocabulary lacks the last word, it also has the words joined to the beginning of a word, or split into a word
        and the beginning of another. Otherwise these are the second group.
        """
        if len(query.words) > MAX_WORDS:
            yield [self._as_typed(query)]
            return
        divided = [
            _Divider(self._splitter, self._split, variant.words, self._expand_all(variant, query))
            for variant in variants(query.words, self._occurs)
        ]
        whole = [divider.whole for divider in divided]
        whole += chain.from_iterable(divider.joined_or_split() for divider in divided)
        first = whole[:MAX_INTERPRETATIONS]
        if not query.is_unfinished:
            yield first
            return
        is_known = self._postings.vocabulary.find(query.words[-1]) is not None
        if is_known:
            yield first
        unfinished = list(islice(chain.from_iterable(each.unfinished() for each in divided), MAX_INTERPRETATIONS))
        yield unfinished if is_known else [*first, *unfinished]

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
        return len(terms) * min(term.n_places for term in terms)

    def _occurs(self, words: Sequence[str]) -> bool:
        return self._are_consecutive(tuple(words))

    def _as_typed(self, query: Query) -> Interpretation:
        return self._expand_all(Variant(query.words), query)

    def _expand_all(self, variant: Variant, query: Query, *, is_lenient: bool = False) -> Interpretation:
        last = len(variant.words) - 1
        terms = (
            self._expand(word, Role(query.is_unfinished and position == last, position == 0, last == 0, is_lenient))
            for position, word in enumerate(variant.words)
        )
        return Interpretation(tuple(terms), variant.adjacent, variant.cost)


class WordSplitter:
    """Joins and splits words of a query into words that are in the catalogue, or neighbours there."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._vocabulary = postings.vocabulary

    def are_consecutive(self, words: Sequence[str]) -> bool:
        """Return whether the words follow each other somewhere."""
        return self._postings.are_consecutive([self._vocabulary.find(word) for word in words])

    def join(self, words: Sequence[str]) -> TermExpansion | None:
        """Join words: "spider man" to "spiderman", "science fiction" to the synonym of a genre."""
        word = "".join(words)
        number, synonyms = self._vocabulary.find(word), described_by(self._vocabulary, word)
        if number is None and not synonyms.size:
            return None
        return only(self._postings, word, as_range(number), JOINED_OR_SPLIT, synonyms)

    def join_beginning(self, words: Sequence[str]) -> TermExpansion | None:
        """Join words to the beginning of one: "spider m" to "spiderman"."""
        word = "".join(words)
        longer = self._vocabulary.find_longer(word)
        return only(self._postings, word, longer, JOINED_OR_SPLIT + UNFINISHED) if longer else None

    def split_beginning(self, word: str) -> list[tuple[TermExpansion, ...]]:
        """Split a word into a word and the beginning of another: "starw" into "star wars"."""
        return [
            parts
            for head, tail in _halves(word)
            if (parts := self._together(head, tail, self._vocabulary.find_longer(tail), JOINED_OR_SPLIT + UNFINISHED))
        ]

    def split(self, word: str) -> list[tuple[TermExpansion, ...]]:
        """Split a word into two that are neighbours somewhere, "spiderman" into "spider man", or into its letters."""
        find = self._vocabulary.find
        found = [self._together(head, tail, as_range(find(tail)), JOINED_OR_SPLIT) for head, tail in _halves(word)]
        if 1 < len(word) <= LONGEST_INITIALS and word.isalpha() and find(word) is None:
            found.append(self._spaced(word))
        return [parts for parts in found if parts]

    def _spaced(self, initials: str) -> tuple[TermExpansion, ...]:
        """Split initials: "fx" into "f x"."""
        numbers = [self._vocabulary.find(letter) for letter in initials]
        if not self._postings.are_consecutive(numbers):
            return ()
        return tuple(
            only(self._postings, letter, as_range(number), 0) for letter, number in zip(initials, numbers, strict=True)
        )

    def _together(self, head: str, tail: str, tails: range, cost: float) -> tuple[TermExpansion, ...]:
        """Return two words if they are neighbours anywhere, else none."""
        number = self._vocabulary.find(head) if tails else None
        if number is None or not self._postings.are_neighbours(number, tails):
            return ()
        return only(self._postings, head, as_range(number), 0), only(self._postings, tail, tails, cost)


class _Divider:
    """Joins and splits words of one interpretation."""

    def __init__(self, splitter: WordSplitter, split: Splits, words: tuple[str, ...], whole: Interpretation) -> None:
        self.whole = whole
        self._splitter = splitter
        self._split = split
        self._words = words
        self._last = len(words) - 1

    def joined_or_split(self) -> Iterator[Interpretation]:
        """Yield the interpretations with two words joined or one split."""
        for position in range(self._last):
            joined = self._splitter.join(self._words[position : position + 2])
            if joined is not None:
                yield self.whole.replaced(position, position + 2, joined)
        for position, word in enumerate(self._words):
            for parts in self._split(word):
                yield self.whole.replaced(position, position + 1, *parts)

    def unfinished(self) -> Iterator[Interpretation]:
        """Yield those with the last words joined to, or the last split into, the beginning of a word."""
        joined = self._splitter.join_beginning(self._words[-2:]) if self._last else None
        if joined is not None:
            yield self.whole.replaced(self._last - 1, self._last + 1, joined)
        for parts in self._splitter.split_beginning(self._words[-1]):
            yield self.whole.replaced(self._last, self._last + 1, *parts)


def _halves(word: str) -> Iterator[tuple[str, str]]:
    if len(word) >= SHORTEST_JOINED:
        yield from ((word[:end], word[end:]) for end in range(1, len(word)))
