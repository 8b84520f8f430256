"""Exact, prefix and fuzzy lookup of words."""

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import DamerauLevenshtein

from server.search.vocabulary import Misspelt, Vocabulary, typo_budget
from tests.support.tables import for_each

LETTERS = st.text(st.sampled_from("abcdeé"), min_size=3, max_size=12)


def named(vocabulary: Vocabulary, misspelt: Misspelt) -> dict[str, int]:
    """Return the number of typos by word."""
    found = zip(misspelt.numbers.tolist(), misspelt.typos.tolist(), strict=True)
    return {vocabulary.words[number]: typos for number, typos in found}


@for_each(
    ("word", "budget"),
    [
        ("heat", 0),
        ("alien", 1),
        ("thriller", 1),
        ("shawshank", 2),
        ("amélie", 1),
        ("12345", 0),
        ("1990s", 0),
        ("se7enth", 0),
        ("!!!!!", 0),
        ("a" * 32, 2),
        ("a" * 33, 0),
    ],
)
def test_the_number_of_typos_depends_on_length_and_numbers_are_exact(word: str, budget: int) -> None:
    assert typo_budget(word) == budget


def test_exact_lookup_returns_the_number_or_none() -> None:
    vocabulary = Vocabulary(["story", "toy", "toys"])

    assert [vocabulary.find(word) for word in ("toy", "to", "zoo")] == [1, None, None]


def test_the_longer_words_are_a_range_without_the_word_itself() -> None:
    vocabulary = Vocabulary(["story", "the", "toy", "toys"])

    assert vocabulary.find_longer("t") == range(1, 4)
    assert vocabulary.find_longer("toy") == range(3, 4)
    assert not vocabulary.find_longer("toys")
    assert not vocabulary.find_longer("zoo")


@for_each(
    ("written", "typos"),
    [
        ("matrix", {}),
        ("matrxi", {"matrix": 1}),
        ("matri", {"matrix": 1}),
        ("matriix", {"matrix": 1}),
        ("natrix", {"matrix": 1}),
        ("amtrix", {"matrix": 1}),
        ("natrxi", {}),
    ],
)
def test_each_kind_of_typo_is_one(written: str, typos: dict[str, int]) -> None:
    vocabulary = Vocabulary(["2001", "matrix", "matrix2", "mattress"])

    assert named(vocabulary, vocabulary.find_misspelt(written, 1)) == typos


def test_a_misspelt_beginning_finds_the_longer_word() -> None:
    vocabulary = Vocabulary(["shaw", "shawls", "shawshank", "shower"])

    assert named(vocabulary, vocabulary.find_misspelt_beginnings("shwash", 1)) == {"shawshank": 1}


@for_each("written", ["fatpnastic", "fatnasticc", "fanttstic"])
def test_a_typo_may_be_between_two_transposed_letters(written: str) -> None:
    vocabulary = Vocabulary(["fantastic"])

    assert named(vocabulary, vocabulary.find_misspelt(written, 2)) == {
        "fantastic": DamerauLevenshtein.distance(written, "fantastic")
    }


@given(st.lists(LETTERS, max_size=20, unique=True), LETTERS, st.sampled_from([1, 2]))
def test_all_words_within_the_budget_are_found(words: list[str], written: str, budget: int) -> None:
    vocabulary = Vocabulary(sorted(words))

    found = named(vocabulary, vocabulary.find_misspelt(written, budget))

    distances = {word: DamerauLevenshtein.distance(written, word) for word in words}
    assert found == {word: distance for word, distance in distances.items() if 0 < distance <= budget}


@given(st.lists(LETTERS, max_size=20, unique=True), LETTERS, st.sampled_from([1, 2]))
def test_all_words_with_a_beginning_within_the_budget_are_found(words: list[str], written: str, budget: int) -> None:
    vocabulary = Vocabulary(sorted(words))

    found = named(vocabulary, vocabulary.find_misspelt_beginnings(written, budget))

    distances = {
        word: min(DamerauLevenshtein.distance(written, word[:end]) for end in range(len(word) + 1)) for word in words
    }
    assert found == {word: distance for word, distance in distances.items() if 0 < distance <= budget}
