"""Positional postings: every word of the catalogue with its places in the stream of words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.search.stream import Stream
from server.search.vocabulary import Numbers, Vocabulary

MAX_SLICES = 16
"""More slices are concatenated faster by their indices."""

Indices = NDArray[np.int64]
NO_INDICES: Indices = np.empty(0, dtype=np.int64)


class Runs(NamedTuple):
    """The postings of some words, as ranges: words with the same beginning are neighbours in the vocabulary."""

    starts: Indices
    stops: Indices
    n_places: int


NO_RUNS = Runs(NO_INDICES, NO_INDICES, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The stream and its indexes. Names and movies are numbered in stream order. See `lay_out`."""

    vocabulary: Vocabulary
    word: NDArray[np.int32]
    """By place: the number of the word, or END_OF_NAME after the last word of a name."""
    is_beginning: NDArray[np.bool_]
    """By place: whether a name begins here, with or without its article."""
    name: NDArray[np.int32]
    """By place: its name."""
    movie: NDArray[np.int32]
    """By name."""
    field: NDArray[np.int8]
    """By name."""
    start_of_name: Indices
    """By name: its first place. One more entry at the end."""
    start_of_movie: Indices
    """By movie: the first place of its names. One more entry at the end."""
    places: NDArray[np.int32]
    """All places, ordered by word and then by place."""
    movie_of_posting: NDArray[np.int32]
    """By entry of ``places``: its movie."""
    start_of_word: Indices
    """By word: the start of its slice of ``places``. One more entry at the end."""

    @property
    def stream(self) -> Stream:
        """The arrays that all others are derived from."""
        return Stream(self.word, self.is_beginning, self.movie, self.field, self.start_of_name)

    @property
    def n_movies(self) -> int:
        """The number of movies."""
        return self.start_of_movie.size - 1

    def runs_of(self, words: Numbers) -> Runs:
        """Return the postings of words, which are in ascending order."""
        if not words.size:
            return NO_RUNS
        later = (words[1:] != words[:-1] + 1).nonzero()[0] + 1
        starts = self.start_of_word[words[np.concatenate(([0], later))]]
        stops = self.start_of_word[words[np.concatenate((later, [words.size])) - 1] + 1]
        return Runs(starts, stops, int((stops - starts).sum()))

    def places_of(self, runs: Runs) -> NDArray[np.int32]:
        """Return the places of words, one word after the other."""
        return _values_in(self.places, runs)

    def movies_of(self, runs: Runs) -> NDArray[np.int32]:
        """Return the movie of each of these places."""
        return _values_in(self.movie_of_posting, runs)

    def movies_with(self, runs: Runs) -> NDArray[np.bool_]:
        """Return for each movie whether it has one of the words."""
        has_one = np.zeros(self.n_movies, dtype=np.bool_)
        has_one[self.movies_of(runs)] = True
        return has_one

    def are_neighbours(self, word: int, following: range) -> bool:
        """Return whether the word ever directly precedes one of ``following``, a range of the vocabulary."""
        before = self.places[self.start_of_word[word] : self.start_of_word[word + 1]]
        after = self.places[self.start_of_word[following.start] : self.start_of_word[following.stop]]
        if after.size < before.size:
            return bool((self.word[after - 1] == word).any())
        next_word = self.word[before + 1]
        return bool(((next_word >= following.start) & (next_word < following.stop)).any())

    def are_consecutive(self, words: Sequence[int | None]) -> bool:
        """Return whether the words exist and are anywhere one after the other in one name."""
        if None in words:
            return False
        numbers = np.array(words, dtype=np.int32)
        rarest = int(np.argmin(self.start_of_word[numbers + 1] - self.start_of_word[numbers]))
        first = self.places_of(self.runs_of(numbers[rarest : rarest + 1])) - rarest
        last_place = self.word.size - 1
        # Neighbours of the rarest word are the least likely.
        for distance in sorted(range(len(words)), key=lambda distance: abs(distance - rarest))[1:]:
            first = first[self.word[np.clip(first + distance, 0, last_place)] == numbers[distance]]
            if not first.size:
                return False
        return True

    def places_in(self, movies: Indices) -> Indices:
        """Return all places in the names of the movies."""
        return _ranges(self.start_of_movie[movies], self.start_of_movie[movies + 1])


def lay_out(vocabulary: Sequence[str], stream: Stream, *, n_movies: int) -> Postings:
    """Derive the indexes of a stream, which take several times its memory."""
    n_names = stream.movie.size
    name = np.repeat(np.arange(n_names, dtype=np.int32), np.diff(stream.start_of_name))
    places = np.argsort(stream.word, kind="stable")[n_names:].astype(np.int32)
    return Postings(
        vocabulary=Vocabulary(vocabulary),
        **stream._asdict(),
        name=name,
        start_of_movie=stream.start_of_name[np.searchsorted(stream.movie, np.arange(n_movies + 1))],
        places=places,
        movie_of_posting=stream.movie[name[places]],
        start_of_word=np.searchsorted(stream.word[places], np.arange(len(vocabulary) + 1)),
    )


def run_starts(values: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return where each run of equal values starts."""
    is_start = np.ones(values.size, dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=is_start[1:])
    return is_start.nonzero()[0]


def _values_in(values: NDArray[np.int32], runs: Runs) -> NDArray[np.int32]:
    if runs.starts.size == 1:
        return values[runs.starts[0] : runs.stops[0]]
    if 0 < runs.starts.size <= MAX_SLICES:
        ranges = zip(runs.starts.tolist(), runs.stops.tolist(), strict=True)
        return np.concatenate([values[start:stop] for start, stop in ranges])
    return values[_ranges(runs.starts, runs.stops)]


def _ranges(starts: Indices, stops: Indices) -> Indices:
    """Return the concatenation of the ranges from each start to its stop, excluded."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    numbers: Indices = np.arange(ends[-1] if ends.size else 0) + np.repeat(starts - (ends - lengths), lengths)
    return numbers
