from server.search.folding import ALSO_KNOWN_AS, fold
from tests.support.tables import for_each


@for_each(
    ("text", "folded"),
    [
        ("AMÉLIE", "amelie"),
        ("Łódź Straße", "lodz strasse"),
        ("Søren Æther", "soren aether"),
        ("L\u2019Avventura", "l'avventura"),
        ("rock`n\u00b4roll", "rock'n'roll"),
        ("Jo\u0301e\u200b", "joe"),
        ("Карусель", "карусель"),
    ],
)
def test_folding_removes_case_accents_and_invisible_characters(text: str, folded: str) -> None:
    assert fold(text) == folded


@for_each("mark", ["a.k.a. ", "a.k.a.: ", "a.k.a ", "aka ", "AKA ", "A.K.A. "])
def test_a_second_title_is_marked_in_several_ways(mark: str) -> None:
    found = ALSO_KNOWN_AS.match(f"{mark}Se7en")

    assert found is not None
    assert found[0] == mark


@for_each("title", ["Akahige", "Aka no to", "Hotaru no haka", "Akata"])
def test_words_that_contain_aka_are_not_marks(title: str) -> None:
    assert ALSO_KNOWN_AS.match(title) is None
