"""Numbers in digits, in words, as Roman numerals and as ordinals."""

from hypothesis import given
from hypothesis import strategies as st

from server.search.numbers import MAX_NUMBER, Number, read_number, single_words, spell_out
from tests.support.tables import for_each


@for_each(
    ("word", "forms"),
    [
        ("7", ["seven", "vii"]),
        ("seven", ["7", "vii"]),
        ("vii", ["7", "seven"]),
        ("i", ["1", "one"]),
        ("12", ["twelve", "xii"]),
        ("40", ["forty"]),
        ("hundred", ["100"]),
        ("2001", []),
        ("1st", ["first"]),
        ("twentieth", ["20th"]),
        ("13th", ["thirteenth"]),
        ("21st", []),
        ("11st", []),
        ("007", []),
        ("²", []),
        ("samurai", []),
    ],
)
def test_a_number_has_other_forms_of_a_single_word(word: str, forms: list[str]) -> None:
    assert single_words(word) == forms


@for_each(
    ("text", "number"),
    [
        ("twenty one", Number(21, is_ordinal=False, n_words=2)),
        ("one hundred and one dalmatians", Number(101, is_ordinal=False, n_words=4)),
        ("two thousand one", Number(2001, is_ordinal=False, n_words=3)),
        ("nineteen eighty four", Number(1984, is_ordinal=False, n_words=3)),
        ("twenty thousand leagues", Number(20_000, is_ordinal=False, n_words=2)),
        ("twenty first century", Number(21, is_ordinal=True, n_words=2)),
        ("seven samurai", None),
        ("one two three", None),
        ("twenty eleven", Number(2011, is_ordinal=False, n_words=2)),
        ("thirty eleven", None),
        ("hundred hundred", None),
        ("one and", None),
        ("and one", None),
        ("", None),
    ],
)
def test_a_number_of_several_words_is_read(text: str, number: Number | None) -> None:
    assert read_number(text.split()) == number


@for_each(
    ("word", "spellings"),
    [
        ("21", ["twenty one"]),
        ("21st", ["twenty first"]),
        ("101", ["one hundred and one", "one hundred one"]),
        ("20000", ["twenty thousand"]),
        ("7", []),
        ("x", []),
    ],
)
def test_a_number_is_spelled_out(word: str, spellings: list[str]) -> None:
    assert [" ".join(words) for words in spell_out(word)] == spellings


def test_a_year_is_spelled_in_hundreds_as_well() -> None:
    assert spell_out("1984")[0] == ("nineteen", "eighty", "four")


@given(st.integers(21, MAX_NUMBER))
def test_every_spelling_of_a_number_is_read_as_that_number(number: int) -> None:
    for words in spell_out(str(number)):
        assert read_number(words) == Number(number, is_ordinal=False, n_words=len(words))
