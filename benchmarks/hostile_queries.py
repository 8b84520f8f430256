"""Queries that cost a search as much time as possible, at the length that the API accepts."""

import random
import string
from collections.abc import Callable, Iterable, Iterator, Sequence

from benchmarks.search_queries import Film

LONGEST_QUERY = 200
GENRES = ("drama", "comedy", "thriller", "romance", "horror", "documentary", "action", "crime")
NUMBER_WORDS = ("twenty", "one", "hundred", "and", "nineteen", "eighty", "four")
SHORT_QUERIES = ("the", "the ", "a", "d", "s", "1", "19", "20", "dr", "co", "drama", "documentery", "drama arama brama")
ROUNDS = 3


def hostile_queries(films: Sequence[Film], seed: int) -> dict[str, list[str]]:
    """Return queries by kind: short ones that match many movies, and long ones of words of the titles."""
    generator = random.Random(f"hostile {seed}")  # noqa: S311 (reproducible queries, no secret)
    words = _words(films)
    return {
        "few letters": list(SHORT_QUERIES),
        "one word repeated": [_fill([word]) for word in ("the", "drama", "spiderman", "k9", "90s", "21")],
        "a genre misspelt in many ways": [_fill(_misspellings(genre)) for genre in GENRES],
        "genres": [_fill(GENRES), _fill(_typo(genre, generator) for genre in GENRES)],
        "letters": [_fill(string.ascii_lowercase), _fill(["m", "a", "s", "h"]), "a" * LONGEST_QUERY],
        "letters and digits": [_fill(["a1b2c3"], separator=""), _fill(["k9", "u2", "b52"])],
        "numbers": [
            _fill(map(str, range(100))),
            _fill(["twenty", "one", "hundred", "and", "nineteen", "eighty", "four"]),
        ],
        **{f"words of {length} letters": _samples(words[length], generator) for length in (2, 4, 5, 8, 9, 12)},
    }


def _words(films: Iterable[Film]) -> dict[int, list[str]]:
    """Return the plain words of all titles by length."""
    by_length: dict[int, list[str]] = {length: [] for length in range(LONGEST_QUERY)}
    for word in sorted({word for film in films for word in film.title.lower().split() if word.isalpha()}):
        by_length[len(word)].append(word)
    return by_length


def _samples(words: Sequence[str], generator: random.Random) -> list[str]:
    """Return queries of random words, as they are and with a typo in each."""
    spelt: list[Callable[[str], str]] = [lambda word: word, lambda word: _typo(word, generator)]
    return [
        _fill(spell(generator.choice(words)) for _ in range(LONGEST_QUERY)) for spell in spelt for _ in range(ROUNDS)
    ]


def _misspellings(word: str) -> Iterator[str]:
    for position in range(len(word)):
        for letter in string.ascii_lowercase:
            yield word[:position] + letter + word[position + 1 :]


def _typo(word: str, generator: random.Random) -> str:
    position = generator.randrange(len(word))
    return word[:position] + generator.choice(string.ascii_lowercase) + word[position + 1 :]


def _fill(words: Iterable[str], separator: str = " ") -> str:
    """Join the words, repeated if necessary, to a query of the greatest length."""
    text = separator.join(words)
    repetitions = LONGEST_QUERY // (len(text) + 1) + 1
    return separator.join([text] * repetitions)[:LONGEST_QUERY]
