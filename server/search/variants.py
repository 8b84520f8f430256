"""Other ways to divide a query into words: initials, letters joined with digits, and numbers of several words.

They replace words of the query by words that titles may have in their place. Each variant has a cost, so that the words
as typed stay ahead.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from server.search.numbers import is_number_word, read_number, single_words, spell_out
from server.search.synonyms import describing_words

MAX_VARIANTS = 12
"""Each variant is a search of its own."""
MAX_PARTS = 6
"""A word that alternates more often between letters and digits is not divided."""
SHORTEST_INITIALS = 3
"""Two initials are joined like any other two words."""
LONGEST_INITIALS = 8
OTHER_DIVISION = 0.5
"""Cost of a variant."""

_PART = re.compile(r"\d+|\D+")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")
_HALF = ("and", "a", "half")


@dataclass(frozen=True, slots=True)
class Variant:
    """A division of the query into words."""

    words: tuple[str, ...]
    cost: float = 0.0
    adjacent: frozenset[int] = field(default_factory=frozenset)
    """Positions of words that the next word must follow directly."""

    def replaced(self, start: int, stop: int, others: Sequence[str]) -> "Variant":
        """Return the variant with other words, adjacent to each other, in place of some."""
        words = (*self.words[:start], *others, *self.words[stop:])
        new = range(start, start + len(others) - 1)
        shift = len(others) - (stop - start)
        kept = {position for position in self.adjacent if position < start - 1}
        shifted = {position + shift for position in self.adjacent if position >= stop}
        return Variant(words, self.cost + OTHER_DIVISION, frozenset(kept | shifted | set(new)))


Occurs = Callable[[Sequence[str]], bool]
"""Returns whether words are neighbours in any title."""
Rule = Callable[[Variant, Occurs], Iterator[Variant]]


def variants(words: tuple[str, ...], occurs: Occurs) -> list[Variant]:
    """Return the words as typed, and then other divisions of them into words of the catalogue."""
    found = {words: Variant(words)}
    if all(map(_is_plain, words)):
        return list(found.values())
    for rule in _RULES:
        new = [other for variant in list(found.values()) for other in islice(rule(variant, occurs), MAX_VARIANTS)]
        for variant in new[: MAX_VARIANTS - len(found)]:
            found.setdefault(variant.words, variant)
    return list(found.values())


def _divide_letters_and_digits(variant: Variant, _occurs: Occurs) -> Iterator[Variant]:
    """Divide "spiderman2" into "spiderman 2", and all such words at once."""
    divided = variant
    for position in reversed(range(len(variant.words))):
        word = variant.words[position]
        parts = _PART.findall(word)
        if 1 < len(parts) <= MAX_PARTS and not _ORDINAL.fullmatch(word) and not describing_words(word):
            divided = divided.replaced(position, position + 1, parts)
    if divided is not variant:
        yield Variant(divided.words, variant.cost + OTHER_DIVISION, _short_parts(divided))


def _short_parts(variant: Variant) -> frozenset[int]:
    """Return the adjacent words of up to two characters: "k 9" is one name, "spiderman 2" need not be."""
    return frozenset(position for position in variant.adjacent if len(variant.words[position]) <= 2)


def _join_initials(variant: Variant, occurs: Occurs) -> Iterator[Variant]:
    """Join the letters "m a s h" to "mash"."""
    for start, stop in _runs(variant.words, _is_letter):
        for first in range(start, stop - SHORTEST_INITIALS + 1):
            for last in range(min(stop, first + LONGEST_INITIALS), first + SHORTEST_INITIALS - 1, -1):
                initials = "".join(variant.words[first:last])
                if occurs([initials]):
                    yield variant.replaced(first, last, [initials])


def _join_parts(variant: Variant, occurs: Occurs) -> Iterator[Variant]:
    """Join three words that end in a number: "spider man 2" to "spiderman2"."""
    for position, word in enumerate(variant.words):
        joined = "".join(variant.words[max(position - 2, 0) : position + 1])
        if position >= 2 and word.isdigit() and occurs([joined]):
            yield variant.replaced(position - 2, position + 1, [joined])


def _read_numbers(variant: Variant, occurs: Occurs) -> Iterator[Variant]:
    """Write a number of several words in digits: "twenty one" as "21"."""
    position = 0
    while position < len(variant.words):
        number = read_number(variant.words[position:])
        if number is None:
            position += 1
            continue
        if any(occurs([form]) for form in (number.digits, *single_words(number.digits))):
            yield variant.replaced(position, position + number.n_words, [number.digits])
        position += number.n_words


def _write_halves(variant: Variant, _occurs: Occurs) -> Iterator[Variant]:
    """Write "8 and a half" as titles do: "8 1/2"."""
    for position in range(1, len(variant.words)):
        if variant.words[position : position + len(_HALF)] == _HALF:
            yield variant.replaced(position, position + len(_HALF), ["1", "2"])


def _spell_numbers(variant: Variant, occurs: Occurs) -> Iterator[Variant]:
    """Write a number in several words: "101" as "one hundred and one"."""
    for position, word in enumerate(variant.words):
        for words in filter(occurs, spell_out(word)):
            yield variant.replaced(position, position + 1, words)


_RULES: tuple[Rule, ...] = (
    _divide_letters_and_digits,
    _join_initials,
    _join_parts,
    _read_numbers,
    _write_halves,
    _spell_numbers,
)


def _is_plain(word: str) -> bool:
    """Return whether no rule divides or joins a word: it is neither a letter, nor a number, nor has it a digit."""
    return len(word) > 1 and word.isalpha() and not is_number_word(word)


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isalpha()


def _runs(words: Sequence[str], is_in_run: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each run of such words."""
    start = 0
    for position, word in enumerate([*words, ""]):
        if not is_in_run(word):
            if position > start:
                yield start, position
            start = position + 1
