"""Positional postings: the words of the catalogue and their places."""

import numpy as np
import pytest
from numpy.typing import NDArray

from server.search.postings import MAX_SLICES, Postings, Runs, lay_out
from server.search.stream import CatalogueName, Field, concatenate, decode_words
from server.search.text import Name
from tests.support.tables import for_each


@pytest.fixture
def postings() -> Postings:
    return build_postings([
        CatalogueName(0, Field.TITLE, Name("the", ("toy", "story"))),
        CatalogueName(0, Field.ALTERNATIVE_TITLE, Name("", ("story", "toy"))),
        CatalogueName(0, Field.METADATA, Name("", ("story", "1995"))),
        CatalogueName(1, Field.TITLE, Name("", ("toys",))),
        CatalogueName(1, Field.METADATA, Name("", ())),
        CatalogueName(2, Field.TITLE, Name("", ("story",))),
    ])


def build_postings(names: list[CatalogueName]) -> Postings:
    vocabulary, stream = concatenate(names)
    return lay_out(decode_words(vocabulary), stream, n_movies=names[-1].movie + 1)


def words(postings: Postings, *words: str) -> NDArray[np.int32]:
    return np.array([postings.vocabulary.words.index(word) for word in words], dtype=np.int32)


def runs(postings: Postings, *written: str) -> Runs:
    return postings.runs_of(words(postings, *written))


def test_names_are_concatenated_in_words_of_a_sorted_vocabulary(postings: Postings) -> None:
    assert postings.vocabulary.words == ["1995", "story", "the", "toy", "toys"]
    assert postings.word.tolist() == [2, 3, 1, -1, 1, 3, -1, 1, 0, -1, 4, -1, -1, 1, -1]
    assert postings.name.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5]
    assert postings.movie.tolist() == [0, 0, 0, 1, 1, 2]
    assert postings.field.tolist() == [0, 1, 2, 0, 2, 0]


def test_a_name_begins_with_its_article_and_after_it(postings: Postings) -> None:
    assert postings.is_beginning.nonzero()[0].tolist() == [0, 1, 4, 7, 10, 12, 13]


def test_words_have_movies_and_a_number_of_places(postings: Postings) -> None:
    assert postings.movies_with(runs(postings, "toy")).tolist() == [True, False, False]
    assert postings.movies_with(runs(postings, "story", "toys")).tolist() == [True, True, True]
    assert runs(postings, "story", "toys").n_places == 5
    assert runs(postings).n_places == 0


def test_neighbours_are_in_order_and_in_one_name(postings: Postings) -> None:
    year, story, toy, toys = words(postings, "1995", "story", "toy", "toys").tolist()

    assert postings.are_neighbours(toy, range(story, story + 1))
    assert postings.are_neighbours(story, range(year, year + 1))
    assert not postings.are_neighbours(year, range(toy, toys + 1))
    assert not postings.are_neighbours(toys, range(story, story + 1))
    assert not postings.are_neighbours(toy, range(0))


def test_the_places_of_words_and_of_movies(postings: Postings) -> None:
    assert postings.places_of(runs(postings, "story", "toy")).tolist() == [2, 4, 7, 13, 1, 5]
    assert postings.movies_of(runs(postings, "story", "toy")).tolist() == [0, 0, 0, 2, 0, 0]
    assert postings.places_in(np.array([1, 2])).tolist() == [10, 11, 12, 13, 14]
    assert postings.places_in(np.array([], dtype=np.int64)).tolist() == []


@for_each("n_runs", [1, MAX_SLICES, MAX_SLICES + 1])
def test_the_places_of_few_and_of_many_runs_of_words(n_runs: int) -> None:
    written = [f"{number:03}" for number in range(3 * n_runs)]
    postings = build_postings([CatalogueName(0, Field.TITLE, Name("", tuple(written)))])
    asked = [place for place in range(3 * n_runs) if place % 3 != 2]

    found = postings.runs_of(np.array(asked, dtype=np.int32))

    assert postings.places_of(found).tolist() == asked
    assert found.n_places == len(asked)
