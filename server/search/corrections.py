"""The text of a query with its misspelt words replaced by those of the best hit."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server.search.expansions import TYPO, TermExpansion
from server.search.interpretations import Interpretation
from server.search.text import locate_words
from server.search.vocabulary import Vocabulary


class _Match(NamedTuple):
    """A word of a movie that matches a word of the query."""

    cost: float
    typed: str
    word: str


def correct(text: str, interpretations: Iterable[Interpretation], numbers: set[int], vocabulary: Vocabulary) -> str:
    """Return the text with each misspelt word replaced by the word of a movie that it matches.

    ``numbers`` are the words of the movie. The interpretation that fits them best counts.
    """
    matches = (_match(each.terms, numbers, vocabulary) for each in interpretations)
    best = min(matches, key=lambda matches: sum(match.cost for match in matches), default=[])
    return _replace(text, {match.typed: match.word for match in best if match.cost >= TYPO})


def _match(terms: Iterable[TermExpansion], numbers: set[int], vocabulary: Vocabulary) -> list[_Match]:
    return [_best_match(term, numbers, vocabulary) for term in terms]


def _best_match(term: TermExpansion, numbers: set[int], vocabulary: Vocabulary) -> _Match:
    if numbers.intersection(term.described_by.tolist()):
        return _Match(term.described_cost, term.typed, term.typed)
    pairs = zip(term.costs.tolist(), term.words.tolist(), strict=True)
    matches = [_Match(cost, term.typed, vocabulary.words[number]) for cost, number in pairs if number in numbers]
    return min(matches, default=_Match(float("inf"), term.typed, term.typed))


def _replace(text: str, corrections: Mapping[str, str]) -> str:
    """Return the text in lower case and with single blanks, with the corrections by typed word."""
    pieces, end = [], 0
    for word, origins in locate_words(text):
        if word in corrections:
            pieces += [text[end : origins[0]].lower(), corrections[word]]
            end = origins[-1] + 1
    return " ".join("".join([*pieces, text[end:].lower()]).split())
