"""The words of the vocabulary that a word of a query may match, and at what cost.

Costs are subtracted from the fit of a movie (see ``server.search.ranking``). They have three orders of magnitude: below
2, other things may outweigh them; `BEHIND` outweighs fit and popularity; `TYPO` outweighs everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.search.postings import Postings, Runs, run_starts
from server.search.synonyms import describing_words, other_forms, other_number, short_years
from server.search.text import tag_word
from server.search.vocabulary import SHORTEST_MISSPELT, Numbers, Vocabulary, typo_budget

TYPO = 1000.0
"""More than everything else together, so that fewer typos come first."""
BEHIND = 8.0
"""More than fit and popularity together: such hits come after those of the word as typed."""
UNFINISHED = 1.45
"""Cost of completing the last word."""
OTHER_FORM = 0.3
"""Cost of another form of a number or an abbreviation beside other words, as in "oceans 11"."""
PLURAL = 2.0
"""Cost of a missing or superfluous s."""
TAG = 0.5
"""Cost of a word in a tag, which makes tags the weakest field."""
UNCERTAIN_FORM = 1.5
"""Cost of another form that is a letter: "v" may be 5, versus or a letter."""
MOST_LETTERS_MISSING = 2
LONG_WORD = 9
"""Words from this length on may have two typos."""
YEAR_LENGTH = 4
NO_WORDS = np.empty(0, dtype=np.int32)

Costs = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TermExpansion:
    """The words of the vocabulary that a word of a query may match, each with its cost."""

    postings: Postings
    typed: str
    words: Numbers
    """Ascending, each once."""
    costs: Costs
    """By word."""
    described_by: Numbers = field(default_factory=NO_WORDS.copy)
    """Words that match in the metadata (genres and year), ascending."""
    described_cost: float = 0.0
    """Cost of a match with one of these words."""

    @cached_property
    def runs(self) -> Runs:
        """The postings of the words."""
        return self.postings.runs_of(self.words)

    @cached_property
    def described_runs(self) -> Runs:
        """The postings of the words that match in the metadata."""
        return self.postings.runs_of(self.described_by)

    @cached_property
    def spelt_runs(self) -> Runs | None:
        """The postings of the words without typos; None if no word has typos."""
        is_typo = self.costs >= TYPO
        return self.postings.runs_of(self.words[~is_typo]) if is_typo.any() else None

    @cached_property
    def n_places(self) -> int:
        """The number of places that match."""
        return self.runs.n_places + self.described_runs.n_places


class Role(NamedTuple):
    """The circumstances of a word in its query."""

    is_unfinished: bool
    is_first: bool
    is_alone: bool
    is_lenient: bool = False
    """Whether words of four letters may be misspelt, after the query has found nothing otherwise."""


class _Matches:
    """Collects words with their costs."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._numbers: list[int] = []
        self._costs: list[float] = []
        self._ranges: list[tuple[NDArray[np.integer], NDArray[np.floating]]] = []

    def add(self, word: str, cost: float) -> None:
        """Add a word if the vocabulary has it."""
        number = self._vocabulary.find(word)
        if number is not None:
            self._numbers.append(number)
            self._costs.append(cost)

    def extend(self, numbers: NDArray[np.integer], costs: NDArray[np.floating] | float) -> None:
        """Add several words with the cost of each, or one cost for all."""
        if numbers.size:
            self._ranges.append((numbers, np.full(numbers.size, costs)))

    def collect(self) -> tuple[Numbers, Costs]:
        """Return the words in ascending order, each with its least cost."""
        ranges = [(np.array(self._numbers, dtype=np.int32), np.array(self._costs)), *self._ranges]
        words = np.concatenate([numbers for numbers, _ in ranges]).astype(np.int32, copy=False)
        costs = np.concatenate([costs for _, costs in ranges])
        order = np.lexsort((costs, words))
        words, costs = words[order], costs[order]
        starts = run_starts(words)
        return words[starts], costs[starts]


def expand(postings: Postings, word: str, role: Role) -> TermExpansion:
    """Expand a word to itself, its other forms, words within its budget of typos, and longer ones if unfinished."""
    vocabulary = postings.vocabulary
    matches = _Matches(vocabulary)
    matches.add(word, 0)
    matches.add(tag_word(word), TAG)
    for form in other_forms(word):
        matches.add(form.word, BEHIND if role.is_alone else UNCERTAIN_FORM if form.is_uncertain else OTHER_FORM)
    other = other_number(word)
    # A long word alone may as well be misspelt: "singers" for "Swingers".
    if other is not None and not (role.is_alone and typo_budget(word)):
        matches.add(other, PLURAL)
    if role.is_unfinished:
        matches.extend(_completions(vocabulary, word), UNFINISHED)
    _add_misspelt(matches, vocabulary, word, role)
    synonyms, years = describing_words(word), [] if role.is_first else short_years(word)
    described_by = _find_all(vocabulary, synonyms or years)
    return TermExpansion(postings, word, *matches.collect(), described_by, BEHIND if years else 0.0)


def only(postings: Postings, word: str, numbers: range, cost: float, described_by: Numbers = NO_WORDS) -> TermExpansion:
    """Return the expansion of a word to a range of the vocabulary, all at the same cost."""
    words = np.arange(numbers.start, numbers.stop, dtype=np.int32)
    return TermExpansion(postings, word, words, np.full(words.size, cost), described_by)


def described_by(vocabulary: Vocabulary, word: str) -> Numbers:
    """Return the words of the metadata that a word is a synonym of."""
    return _find_all(vocabulary, describing_words(word))


def as_range(number: int | None) -> range:
    """Return the range of one word of the vocabulary, or an empty one."""
    return range(0) if number is None else range(number, number + 1)


def _find_all(vocabulary: Vocabulary, words: Sequence[str]) -> Numbers:
    if not words:
        return NO_WORDS
    found = (vocabulary.find(word) for word in words)
    return np.array(sorted(number for number in found if number is not None), dtype=np.int32)


def _completions(vocabulary: Vocabulary, word: str) -> NDArray[np.integer]:
    """Return the longer words with this beginning. A single digit is a number, never the beginning of a year."""
    longer = vocabulary.find_longer(word)
    if len(word) > 1 or not word.isdigit():
        return np.arange(longer.start, longer.stop, dtype=np.int32)
    words = vocabulary.words
    return np.array([number for number in longer if not _is_year(words[number])], dtype=np.int32)


def _is_year(word: str) -> bool:
    return len(word) == YEAR_LENGTH and word.isdigit()


def _add_misspelt(matches: _Matches, vocabulary: Vocabulary, word: str, role: Role) -> None:
    budget = typo_budget(word)
    if budget:
        # A word of nine letters that lacks two is still one of two typos.
        longest = len(word) + MOST_LETTERS_MISSING
        misspelt = vocabulary.find_misspelt(word, max(budget, typo_budget(word, length=longest)))
        is_allowed = misspelt.typos <= budget
        is_allowed |= np.array([len(each) >= LONG_WORD for each in vocabulary.list_words(misspelt.numbers)], dtype=bool)
        matches.extend(misspelt.numbers[is_allowed], TYPO * misspelt.typos[is_allowed])
        if role.is_unfinished:
            misspelt = vocabulary.find_misspelt_beginnings(word, budget)
            matches.extend(misspelt.numbers, UNFINISHED + TYPO * misspelt.typos)
    elif role.is_lenient and len(word) == SHORTEST_MISSPELT:
        misspelt = vocabulary.find_misspelt(word, 1)
        is_allowed = np.array([_is_slip(word, each) for each in vocabulary.list_words(misspelt.numbers)], dtype=bool)
        matches.extend(misspelt.numbers[is_allowed], TYPO)


def _is_slip(typed: str, word: str) -> bool:
    """Return whether a word one typo away has a letter more, or the same letters in another order."""
    return len(word) > len(typed) or sorted(word) == sorted(typed)
