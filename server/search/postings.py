"""Every word of the catalogue and where it stands.

The names of all movies (titles, alternative titles, and one of genres and year) are laid end to end in one stream of
words. A place in the stream tells everything: the name it is in, its movie, and the words beside it. The vocabulary
is sorted, so the words with a common beginning are one range of it, and their places one slice of the postings.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from server.search.text import Name

END_OF_NAME = -1

WordRange = range
"""Numbers of neighbours in the vocabulary that all do for one word of a query; empty if there is none."""

Places = NDArray[np.int32]
Names = NDArray[np.int32]
Movies = NDArray[np.int32]


class Field(IntEnum):
    """What a name is to its movie."""

    TITLE = 0
    ALTERNATIVE_TITLE = 1
    DESCRIPTION = 2  # its genres and its year


class CatalogueName(NamedTuple):
    """One name of a movie; movies are numbered from 0."""

    movie: int
    field: Field
    name: Name


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """The stream and the ways into it; names and movies are numbered in its order. Made by ``build_postings``."""

    vocabulary: Sequence[str]
    """Sorted; a word's number is its position here."""
    word: NDArray[np.int32]
    """By place: the word's number, or END_OF_NAME after the last word of a name."""
    name: Names
    """By place: the name it is in."""
    is_beginning: NDArray[np.bool_]
    """By place: whether a name begins here, with its article or after it."""
    movie: Movies
    """By name."""
    field: NDArray[np.int8]
    """By name."""
    start_of_name: NDArray[np.int64]
    """By name: its first place; one more at the end."""
    start_of_movie: NDArray[np.int64]
    """By movie: the first place of its names; one more at the end."""
    places: Places
    """All places, in the order of the vocabulary, those of one word in the order of the stream."""
    start_of_word: NDArray[np.int64]
    """By word: where its slice of ``places`` begins; one more at the end."""

    @property
    def n_movies(self) -> int:
        """How many movies there are."""
        return self.start_of_movie.size - 1

    def find_word(self, word: str) -> WordRange:
        """Return the range of this very word."""
        number = bisect_left(self.vocabulary, word)
        is_known = number < len(self.vocabulary) and self.vocabulary[number] == word
        return range(number, number + is_known)

    def find_longer_words(self, beginning: str) -> WordRange:
        """Return the range of the words that begin so and go on."""
        start = bisect_right(self.vocabulary, beginning)
        stop = bisect_right(self.vocabulary, beginning, lo=start, key=lambda word: word[: len(beginning)])
        return range(start, stop)

    def phrases(self, words: Sequence[WordRange]) -> Places:
        """Return the places from which on the words stand next to each other, in order, in one name."""
        starts = self._places_of(words[0])
        for distance, following in enumerate(words[1:], start=1):
            number = self.word[starts + distance]
            starts = starts[(number >= following.start) & (number < following.stop)]
        return starts

    def names_with(self, words: Iterable[WordRange]) -> Names:
        """Return the names that have all the words, some of them perhaps more than once."""
        rarest, *others = sorted(set(words), key=self._n_places)
        names = self.name[self._places_of(rarest)]
        for other in others:
            names = names[self._is_within(self.start_of_name, names, other)]
        return names

    def movies_with(self, words: Iterable[WordRange]) -> Movies:
        """Return the movies whose names together have all the words, some of them perhaps more than once."""
        rarest, *others = sorted(set(words), key=self._n_places)
        movies = self.movie[self.name[self._places_of(rarest)]]
        for other in others:
            movies = movies[self._is_within(self.start_of_movie, movies, other)]
        return movies

    def is_described_by(self, words: Iterable[WordRange]) -> NDArray[np.bool_]:
        """Return, by movie, whether its genres and its year have all the words."""
        names = self.names_with(words)
        is_described = np.zeros(self.n_movies, dtype=np.bool_)
        is_described[self.movie[names[self.field[names] == Field.DESCRIPTION]]] = True
        return is_described

    def _n_places(self, words: WordRange) -> int:
        return int(self.start_of_word[words.stop] - self.start_of_word[words.start])

    def _places_of(self, words: WordRange) -> Places:
        """Return the places of the words, in the order of the stream."""
        places = self.places[self.start_of_word[words.start] : self.start_of_word[words.stop]]
        return np.sort(places) if len(words) > 1 else places

    def _is_within(self, start: NDArray[np.int64], owners: NDArray[np.int32], words: WordRange) -> NDArray[np.bool_]:
        """Return whether one of the words stands between the starts of each owner and of the next one."""
        places = self._places_of(words)
        is_within: NDArray[np.bool_] = places.searchsorted(start[owners]) < places.searchsorted(start[owners + 1])
        return is_within


def build_postings(names: Iterable[CatalogueName], *, n_movies: int) -> Postings:
    """Lay the names end to end, those of movies 0 to ``n_movies - 1``, in the order of the movies."""
    first_seen: defaultdict[str, int] = defaultdict(count().__next__)
    stream: list[int] = []
    rows: list[tuple[int, int, int, int]] = []
    for movie, field, (article, words) in names:
        whole = (article, *words) if article else words
        stream.extend(map(first_seen.__getitem__, whole))
        stream.append(END_OF_NAME)
        rows.append((movie, field, len(whole) + 1, bool(article)))
    movie_of, field_of, length, has_article = np.array(rows, dtype=np.int32).reshape(-1, 4).T.copy()

    vocabulary = sorted(first_seen)
    # END_OF_NAME is -1 and so picks the last entry, which keeps it what it is.
    alphabetical = np.full(len(vocabulary) + 1, END_OF_NAME, dtype=np.int32)
    alphabetical[[first_seen[word] for word in vocabulary]] = np.arange(len(vocabulary))
    word = alphabetical[np.array(stream, dtype=np.int32)]

    start_of_name = np.concatenate(([0], np.cumsum(length, dtype=np.int64)))
    is_beginning = np.zeros(word.size, dtype=np.bool_)
    is_beginning[start_of_name[:-1]] = is_beginning[start_of_name[:-1] + has_article] = True
    places = np.argsort(word, kind="stable")[len(rows) :].astype(np.int32)
    return Postings(
        vocabulary=vocabulary,
        word=word,
        name=np.repeat(np.arange(len(rows), dtype=np.int32), length),
        is_beginning=is_beginning,
        movie=movie_of,
        field=field_of.astype(np.int8),
        start_of_name=start_of_name,
        start_of_movie=start_of_name[np.searchsorted(movie_of, np.arange(n_movies + 1))],
        places=places,
        start_of_word=np.searchsorted(word[places], np.arange(len(vocabulary) + 1)),
    )
