"""The index as bytes, so that a catalogue is indexed once and not by every process at every start.

The arrays are checked, because an index whose arrays do not fit each other would fail only in a later search.
"""

from itertools import pairwise

import numpy as np

from server.search.index import Contents, SearchIndex
from server.search.postings import Indices, lay_out
from server.search.sealed import Array, seal, unseal
from server.search.stream import END_OF_NAME, Concatenation, Field, Stream, decode_words, encode_words

LAYOUT = 3
"""Increase it with every change of the stored arrays or of how names become words."""

_TYPES = {"word": np.int32, "is_beginning": np.bool_, "movie": np.int32, "field": np.int8, "start_of_name": np.int64}


def pack(index: SearchIndex) -> bytes:
    """Serialize everything but the popularity, which changes with every rating."""
    words = encode_words(index.postings.vocabulary.words)
    return _pack(index.movie_ids, Concatenation(words, index.postings.stream))


def pack_contents(contents: Contents) -> bytes:
    """Serialize an index without laying it out, which takes several times the memory of its contents."""
    return _pack(contents.movie_ids, contents.names)


def _pack(movie_ids: Indices, names: Concatenation) -> bytes:
    words = np.frombuffer(names.vocabulary, dtype=np.uint8)
    return seal({"movie_ids": movie_ids, "words": words, **names.stream._asdict()})


def unpack(content: bytes) -> SearchIndex:
    """Return the index that `pack` has serialized, with a popularity of 0 for all movies.

    Raise `ValueError` if the bytes are not an index of this `LAYOUT`.
    """
    arrays = unseal(content)
    try:
        movie_ids, stream = arrays["movie_ids"], Stream(*(arrays[name] for name in Stream._fields))
        words = decode_words(arrays["words"].tobytes())
    except KeyError as error:
        raise ValueError("The bytes are not a search index.") from error
    _check(movie_ids, words, stream)
    return SearchIndex(movie_ids, lay_out(words, stream, n_movies=movie_ids.size), np.zeros_like(movie_ids))


def _check(movie_ids: Array, words: list[str], stream: Stream) -> None:
    """Raise `ValueError` unless the arrays fit each other."""
    _require(movie_ids.dtype == np.int64 and movie_ids.ndim == 1, "movie_ids")
    _require((np.diff(movie_ids) > 0).all(), "movie_ids")
    _require(all(first < second for first, second in pairwise(words)), "words")
    for name, array in stream._asdict().items():
        _require(array.dtype == _TYPES[name] and array.ndim == 1, name)
    _require(_is_within(stream.word, END_OF_NAME, len(words)), "word")
    _require(_is_within(stream.movie, 0, movie_ids.size) and (np.diff(stream.movie) >= 0).all(), "movie")
    _require(_is_within(stream.field, 0, len(Field)) and stream.field.size == stream.movie.size, "field")
    _require(stream.is_beginning.size == stream.word.size, "is_beginning")
    ends = np.flatnonzero(stream.word == END_OF_NAME) + 1
    _require(np.array_equal(stream.start_of_name, np.concatenate(([0], ends))), "start_of_name")
    _require(ends.size == stream.movie.size and ends[-1:].sum() == stream.word.size, "start_of_name")


def _is_within(numbers: Array, least: int, stop: int) -> bool:
    return not numbers.size or bool(numbers.min() >= least and numbers.max() < stop)


def _require(condition: bool | np.bool_, array: str) -> None:  # noqa: FBT001 (an assertion)
    if not condition:
        raise ValueError(f"The array {array} of the search index is inconsistent.")
