"""Where the words of the catalogue stand."""

import pytest

from server.search.postings import CatalogueName, Field, Postings, build_postings
from server.search.text import Name


@pytest.fixture
def postings() -> Postings:
    return build_postings(
        [
            CatalogueName(0, Field.TITLE, Name("the", ("toy", "story"))),
            CatalogueName(0, Field.ALTERNATIVE_TITLE, Name("", ("story", "toy"))),
            CatalogueName(0, Field.DESCRIPTION, Name("", ("story", "1995"))),
            CatalogueName(1, Field.TITLE, Name("", ("toys",))),
            CatalogueName(1, Field.DESCRIPTION, Name("", ())),
        ],
        n_movies=3,
    )


def test_the_names_lie_end_to_end_in_words_of_a_sorted_vocabulary(postings: Postings) -> None:
    assert postings.vocabulary == ["1995", "story", "the", "toy", "toys"]
    assert postings.word.tolist() == [2, 3, 1, -1, 1, 3, -1, 1, 0, -1, 4, -1, -1]
    assert postings.name.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4]
    assert postings.movie.tolist() == [0, 0, 0, 1, 1]


def test_a_name_begins_with_its_article_and_after_it(postings: Postings) -> None:
    assert postings.is_beginning.nonzero()[0].tolist() == [0, 1, 4, 7, 10, 12]


def test_a_word_is_a_range_of_one_or_none(postings: Postings) -> None:
    assert postings.find_word("toy") == range(3, 4)
    assert not postings.find_word("to")
    assert not postings.find_word("zoo")


def test_the_longer_words_are_a_range_without_the_word_itself(postings: Postings) -> None:
    assert postings.find_longer_words("t") == range(2, 5)
    assert postings.find_longer_words("toy") == range(4, 5)
    assert not postings.find_longer_words("toys")
    assert not postings.find_longer_words("zoo")


def test_a_phrase_stands_in_order_and_in_one_name(postings: Postings) -> None:
    toy, story = postings.find_word("toy"), postings.find_word("story")

    assert postings.phrases([toy, story]).tolist() == [1]
    assert postings.phrases([story, toy]).tolist() == [4]
    assert postings.phrases([toy, toy]).tolist() == []


def test_names_movies_and_descriptions_have_all_the_words(postings: Postings) -> None:
    toy, story, year = postings.find_word("toy"), postings.find_word("story"), postings.find_word("1995")

    assert set(postings.names_with([toy, story]).tolist()) == {0, 1}
    assert set(postings.names_with([toy, year]).tolist()) == set()
    assert set(postings.movies_with([toy, year]).tolist()) == {0}
    assert set(postings.movies_with([range(3, 5)]).tolist()) == {0, 1}
    assert postings.is_described_by([story, year]).tolist() == [True, False, False]
    assert postings.is_described_by([toy]).tolist() == [False, False, False]
