"""The words of the catalogue, with exact, prefix and fuzzy lookup."""

import sys
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA, DamerauLevenshtein
from rapidfuzz.process import cdist

Numbers = NDArray[np.int32]
"""Numbers of words: their positions in the sorted vocabulary."""

LAST_LETTER = chr(sys.maxunicode)
SHORTEST_MISSPELT = 4
"""Words of this length are misspelt only if the query finds nothing otherwise; shorter ones never are."""
LONGEST_MISSPELT_WORD = 32
"""Longer words only match exactly, so that one very long word does not cost memory for all."""


class Misspelt(NamedTuple):
    """Words at least one typo away."""

    numbers: Numbers
    typos: NDArray[np.uint8]


def typo_budget(word: str, *, length: int | None = None) -> int:
    """Return the number of typos allowed in a word of a query: 0 up to four letters, 1 from five, 2 from nine.

    It is 0 for a word with a digit or a sign. ``length`` is that of the word meant, by default that of the word typed.
    """
    n_letters = len(word) if length is None else length
    return (n_letters >= 5) + (n_letters >= 9) if _can_be_misspelt(word) else 0


class Vocabulary:
    """Distinct words ordered by code points. The number of a word is its position.

    Typos are counted by the unrestricted Damerau-Levenshtein distance: insertions, deletions, substitutions and
    transpositions of neighbours.
    Only words with similar sets of letters are compared, because a typo removes at most one letter from the set and
    adds at most one; a typo that changes the length does only one of both. A set has 32 bits: one for each letter from
    a to z, shared with other letters.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self._numbers_of = dict(zip(words, range(len(words)), strict=True))
        # Sorted by length, so that words of similar length are contiguous.
        numbers = sorted((number for number, word in enumerate(words) if _can_be_misspelt(word)), key=self._length)
        lengths = [self._length(number) for number in numbers]
        self._numbers = np.array(numbers, dtype=np.int32)
        self._lengths = np.array(lengths, dtype=np.int8)
        self._start_of_length = np.searchsorted(lengths, np.arange(LONGEST_MISSPELT_WORD + 2)).tolist()
        written = [words[number] for number in numbers]
        self._written = np.array(written, dtype=np.object_)
        self._letters = _letters_of_beginnings(written)

    def __len__(self) -> int:
        return len(self.words)

    def find(self, word: str) -> int | None:
        """Return the number of the word, or None."""
        return self._numbers_of.get(word)

    def list_words(self, numbers: Numbers) -> list[str]:
        """Return the words with these numbers."""
        return [self.words[number] for number in numbers.tolist()]

    def find_longer(self, beginning: str) -> range:
        """Return the numbers of the longer words with this beginning."""
        start = bisect_right(self.words, beginning)
        return range(start, bisect_right(self.words, beginning + LAST_LETTER, lo=start))

    def find_misspelt(self, word: str, budget: int) -> Misspelt:
        """Return the other words within the budget of typos."""
        start, stop = self._with_length(len(word) - budget, len(word) + budget)
        differ = np.bitwise_count(self._letters[-1, start:stop] ^ _letters(word))
        allowed = 2 * budget - np.abs(self._lengths[start:stop] - len(word))
        candidates = start + (differ <= allowed).nonzero()[0]
        typos = _count_typos(word, self._written[candidates].tolist(), budget)
        return self._within(budget, candidates, typos)

    def find_misspelt_beginnings(self, beginning: str, budget: int) -> Misspelt:
        """Return the words with another beginning within the budget of typos."""
        length = len(beginning)
        start, stop = self._with_length(length - budget, LONGEST_MISSPELT_WORD)
        candidates = start + self._may_begin(beginning, budget, slice(start, stop)).nonzero()[0]
        of_pairs, cut = [], []
        for end in range(length - budget, length + budget + 1):
            differ = np.bitwise_count(self._letters[min(end, LONGEST_MISSPELT_WORD), candidates] ^ _letters(beginning))
            similar = (differ <= 2 * budget - abs(end - length)).nonzero()[0]
            of_pairs.append(similar)
            cut += [word[:end] for word in self._written[candidates.take(similar)].tolist()]
        nearest = np.full(candidates.size, budget + 1, dtype=np.uint8)
        np.minimum.at(nearest, np.concatenate(of_pairs), _count_typos(beginning, cut, budget))
        return self._within(budget, candidates, nearest)

    def _with_length(self, shortest: int, longest: int) -> tuple[int, int]:
        """Return the start and the end of the words of these lengths."""
        return self._start_of_length[shortest], self._start_of_length[min(longest, LONGEST_MISSPELT_WORD) + 1]

    def _length(self, number: int) -> int:
        return len(self.words[number])

    def _may_begin(self, beginning: str, budget: int, words: slice | NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return for each word whether its first letters may be these within the budget of typos."""
        letters, length = _letters(beginning), len(beginning)
        longest = self._letters[min(length + budget, LONGEST_MISSPELT_WORD)][words]
        shortest = self._letters[max(length - budget, 0)][words]
        lacks_few = np.bitwise_count(letters & ~longest) <= budget
        has_few_others = np.bitwise_count(shortest & ~letters) <= budget
        both: NDArray[np.bool_] = lacks_few & has_few_others
        return both

    def _within(self, budget: int, candidates: NDArray[np.intp], typos: NDArray[np.uint8]) -> Misspelt:
        is_within = (typos > 0) & (typos <= budget)
        return Misspelt(self._numbers[candidates[is_within]], typos[is_within])


def _count_typos(word: str, others: Sequence[str], budget: int) -> NDArray[np.uint8]:
    """Return the number of typos to each of the others, exact up to the budget."""
    # Optimal string alignment is many times faster, but it counts one more for a typo between two transposed letters.
    # Only distances that this may have changed are computed again.
    typos: NDArray[np.uint8] = cdist([word], others, scorer=OSA.distance, score_cutoff=budget + 1, dtype=np.uint8)[0]
    if budget > 1:
        doubtful = np.flatnonzero(typos == budget + 1)
        written = [others[place] for place in doubtful.tolist()]
        typos[doubtful] = cdist([word], written, scorer=DamerauLevenshtein.distance, dtype=np.uint8)[0]
    return typos


def _can_be_misspelt(word: str) -> bool:
    return word.isalpha() and len(word) <= LONGEST_MISSPELT_WORD


def _letters(word: str) -> np.uint32:
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) % 32)
    return np.uint32(bits)


def _letters_of_beginnings(words: Sequence[str]) -> NDArray[np.uint32]:
    """Return the set of the first n letters of each word, with one row for each n up to LONGEST_MISSPELT_WORD."""
    code_points = np.array(words, dtype=f"U{LONGEST_MISSPELT_WORD}").view(np.uint32)
    by_position = code_points.reshape(len(words), LONGEST_MISSPELT_WORD).T
    letters = np.zeros((LONGEST_MISSPELT_WORD + 1, len(words)), dtype=np.uint32)
    np.left_shift(np.uint32(1), by_position % 32, out=letters[1:], where=by_position > 0)
    return np.bitwise_or.accumulate(letters, axis=0)
