"""The stream of words is built in parts, which leave no trace in it and bound the memory."""

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.search import stream as module
from server.search.stream import (
    END_OF_NAME,
    CatalogueName,
    Concatenation,
    Field,
    concatenate,
    decode_words,
    encode_words,
)
from server.search.text import Name

MOVIES = 50_000
MOST_TIMES_THE_CONTENTS = 3.0
"""With the words of the whole catalogue as objects, it would be more than twice that."""

words = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=3)
names = st.builds(Name, st.sampled_from(["", "the"]), st.lists(words, max_size=4).map(tuple))


def catalogue(names: list[Name]) -> list[CatalogueName]:
    return [CatalogueName(movie, Field.TITLE, name) for movie, name in enumerate(names)]


def read_back(concatenation: Concatenation) -> list[list[str]]:
    """Return the words of each name."""
    vocabulary, stream = decode_words(concatenation.vocabulary), concatenation.stream
    found: list[list[str]] = [[]]
    for number in stream.word.tolist():
        if number == END_OF_NAME:
            found.append([])
        else:
            found[-1].append(vocabulary[number])
    return found[:-1]


@given(names=st.lists(names, max_size=12), most_words=st.integers(1, 6))
def test_parts_of_any_size_make_the_same_stream(names: list[Name], most_words: int) -> None:
    whole = concatenate(catalogue(names))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_PART_WORDS", most_words)
        in_parts = concatenate(catalogue(names))

    assert (
        in_parts.vocabulary == whole.vocabulary == encode_words(sorted({w for name in names for w in name.all_words}))
    )
    assert [array.tobytes() for array in in_parts.stream] == [array.tobytes() for array in whole.stream]
    assert [array.dtype for array in in_parts.stream] == [array.dtype for array in whole.stream]
    assert read_back(in_parts) == [list(name.all_words) for name in names]


def test_the_memory_of_a_build_is_that_of_its_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    def distinct_titles() -> Iterator[CatalogueName]:
        for movie in range(MOVIES):
            yield CatalogueName(movie, Field.TITLE, Name("the", ("harbour", f"{movie:x}", f"of{movie}")))

    # Parts as small, compared with this catalogue, as those of a million titles are.
    monkeypatch.setattr(module, "MAX_PART_WORDS", 4_096)
    tracemalloc.start()
    try:
        concatenation = concatenate(distinct_titles())
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(decode_words(concatenation.vocabulary)) > MOVIES
    assert peak <= MOST_TIMES_THE_CONTENTS * held
