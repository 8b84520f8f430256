"""Positional postings: the words of the catalogue and their places."""

import numpy as np
import pytest
from numpy.typing import NDArray

from server.search.postings import CatalogueName, Field, Postings, build_postings
from server.search.text import Name


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


def words(postings: Postings, *words: str) -> NDArray[np.int32]:
    return np.array([postings.vocabulary.words.index(word) for word in words], dtype=np.int32)


def test_names_are_concatenated_in_words_of_a_sorted_vocabulary(postings: Postings) -> None:
    assert postings.vocabulary.words == ["1995", "story", "the", "toy", "toys"]
    assert postings.word.tolist() == [2, 3, 1, -1, 1, 3, -1, 1, 0, -1, 4, -1, -1, 1, -1]
    assert postings.name.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5]
    assert postings.movie.tolist() == [0, 0, 0, 1, 1, 2]
    assert postings.field.tolist() == [0, 1, 2, 0, 2, 0]


def test_a_name_begins_with_its_article_and_after_it(postings: Postings) -> None:
    assert postings.is_beginning.nonzero()[0].tolist() == [0, 1, 4, 7, 10, 12, 13]


def test_words_have_movies_and_a_number_of_places(postings: Postings) -> None:
    assert postings.movies_with(words(postings, "toy")).tolist() == [True, False, False]
    assert postings.movies_with(words(postings, "toys", "story")).tolist() == [True, True, True]
    assert postings.count_places(words(postings, "toys", "story")) == 5
    assert postings.count_places(words(postings)) == 0


def test_neighbours_are_in_order_and_in_one_name(postings: Postings) -> None:
    year, story, toy, toys = words(postings, "1995", "story", "toy", "toys").tolist()

    assert postings.are_neighbours(toy, range(story, story + 1))
    assert postings.are_neighbours(story, range(year, year + 1))
    assert not postings.are_neighbours(year, range(toy, toys + 1))
    assert not postings.are_neighbours(toys, range(story, story + 1))
    assert not postings.are_neighbours(toy, range(0))


def test_the_places_of_words_and_of_movies(postings: Postings) -> None:
    assert postings.places_of(words(postings, "toy", "story")).tolist() == [1, 5, 2, 4, 7, 13]
    assert postings.places_in(np.array([1, 2])).tolist() == [10, 11, 12, 13, 14]
    assert postings.places_in(np.array([], dtype=np.int64)).tolist() == []
