"""The words of the catalogue in one stream, built in bounded memory.

The names of all movies (titles, alternative titles, one name of genres and year, and one of tags) are concatenated to
one stream of words, movie by movie. A place in the stream identifies the word, its neighbours and the name.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from heapq import merge
from io import BytesIO
from itertools import count, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.search.text import Name

END_OF_NAME = -1
MAX_PART_WORDS = 1 << 16
"""A part of the stream ends with the name in which it has this many distinct words, of about 150 bytes each."""
SEPARATOR = b"\n"


class Field(IntEnum):
    """The kind of a name."""

    TITLE = 0
    ALTERNATIVE_TITLE = 1
    METADATA = 2  # genres and year
    TAGS = 3


class CatalogueName(NamedTuple):
    """One name of a movie; movies are numbered from 0."""

    movie: int
    field: Field
    name: Name


class Stream(NamedTuple):
    """The names of all movies, as stored. See `Postings` for the meaning of the arrays."""

    word: NDArray[np.int32]
    is_beginning: NDArray[np.bool_]
    movie: NDArray[np.int32]
    field: NDArray[np.int8]
    start_of_name: NDArray[np.int64]


class Concatenation(NamedTuple):
    """The stream, and the words that it consists of."""

    vocabulary: bytes
    """The distinct words, ordered by code points; see `encode_words`."""
    stream: Stream


def encode_words(words: Iterable[str]) -> bytes:
    """Return words in UTF-8, whose order is that of the code points, separated by line feeds."""
    return "\n".join(words).encode()


def decode_words(encoded: bytes) -> list[str]:
    """Return the words that `encode_words` has encoded."""
    return encoded.decode().split("\n") if encoded else []


def concatenate(names: Iterable[CatalogueName]) -> Concatenation:
    """Concatenate the names of movies 0, 1, 2, …, given in the order of the movies; each has at least one.

    A word as an object takes ten times the memory of its text. So each part of the stream has a vocabulary of its own,
    kept as text, and the vocabularies are merged at the end.
    """
    # Lists of numbers would take ten times the memory.
    word, start_of_name, movie, field, has_article = array("i"), array("q", [0]), array("i"), array("b"), array("b")
    parts: list[_Part] = []
    first_seen = _number_words()
    for number, kind, name in names:
        word.extend(map(first_seen.__getitem__, name.all_words))
        word.append(END_OF_NAME)
        start_of_name.append(len(word))
        movie.append(number)
        field.append(kind)
        has_article.append(bool(name.article))
        if len(first_seen) >= MAX_PART_WORDS:
            parts.append(_Part.of(first_seen, len(word)))
            first_seen = _number_words()
    parts.append(_Part.of(first_seen, len(word)))
    del first_seen

    words = np.frombuffer(word, np.int32)
    starts = np.frombuffer(start_of_name, np.int64)
    is_beginning = np.zeros(words.size, dtype=np.bool_)
    is_beginning[starts[:-1]] = True
    is_beginning[starts[:-1] + np.frombuffer(has_article, np.int8)] = True
    vocabulary = _renumber(words, parts)
    return Concatenation(
        vocabulary, Stream(words, is_beginning, np.frombuffer(movie, np.int32), np.frombuffer(field, np.int8), starts)
    )


class _Part(NamedTuple):
    """The words of a part of the stream."""

    vocabulary: bytes
    """Encoded, in order."""
    numbers: NDArray[np.int32]
    """By word of the vocabulary: its number in this part of the stream."""
    stop: int
    """The end of the part."""

    @classmethod
    def of(cls, first_seen: dict[str, int], stop: int) -> "_Part":
        """Encode the words of a part."""
        words = sorted(first_seen)
        return cls(encode_words(words), np.array([first_seen[word] for word in words], dtype=np.int32), stop)

    def lines(self) -> Iterator[bytes]:
        """Yield the encoded words in order, few of them in memory at a time."""
        # The separator would take part in comparisons.
        return (line.removesuffix(SEPARATOR) for line in BytesIO(self.vocabulary))


def _number_words() -> defaultdict[str, int]:
    """Return a dictionary that numbers words in the order in which they are asked for."""
    return defaultdict(count().__next__)


def _renumber(word: NDArray[np.int32], parts: Sequence[_Part]) -> bytes:
    """Replace the numbers of the parts by those of the common vocabulary, and return it."""
    vocabulary, numbers_by_part = _merge(parts)
    start = 0
    for part, numbers in zip(parts, numbers_by_part, strict=True):
        # END_OF_NAME is -1 and so selects the last entry, which maps it to itself.
        common = np.full(part.numbers.size + 1, END_OF_NAME, dtype=np.int32)
        common[part.numbers] = np.frombuffer(numbers, np.int32)
        word[start : part.stop] = common[word[start : part.stop]]
        start = part.stop
    return vocabulary


def _merge(parts: Sequence[_Part]) -> tuple[bytes, "list[array[int]]"]:
    """Return the words of all parts in order, and for each part their numbers among these."""
    numbers_by_part = [array("i") for _ in parts]
    vocabulary = bytearray()
    number, previous = -1, None
    for word, part in merge(*(zip(part.lines(), repeat(position)) for position, part in enumerate(parts))):
        if word != previous:
            number, previous = number + 1, word
            vocabulary += word + SEPARATOR
        numbers_by_part[part].append(number)
    return bytes(vocabulary[: -len(SEPARATOR)]), numbers_by_part
