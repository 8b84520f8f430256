"""The characters of a title that a search marks."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from server.search.index import SearchDocument, build_index
from server.search.text import locate_words, parse_name
from tests.support.tables import for_each


def marked(query: str, title: str, *alternative_titles: str) -> list[str]:
    """Return the titles of a movie with brackets around the marked characters."""
    index = build_index([SearchDocument(1, title, alternative_titles, 1999, ("Drama",), 1)])
    hits = index.search(query)
    titles = [title, *alternative_titles]
    return [_bracketed(text, spans) for text, spans in zip(titles, index.highlighter(hits).mark(titles), strict=True)]


def _bracketed(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in reversed(spans):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    return text


@for_each(
    ("query", "title", "expected"),
    [
        ("matrix", "The Matrix", "The [Matrix]"),
        ("matrix ", "Matrix, The", "[Matrix], The"),
        ("shawsh", "The Shawshank Redemption", "The [Shawsh]ank Redemption"),
        ("shawshnak", "The Shawshank Redemption", "The [Shawshank] Redemption"),
        ("shwash", "The Shawshank Redemption", "The [Shawshank] Redemption"),
        ("amelie", "Le fabuleux destin d'Amélie", "Le fabuleux destin d'[Amélie]"),
        ("amelie", "Ame\u0301lie", "[Ame\u0301lie]"),
        ("ame", "Ame\u0301lie", "[Ame\u0301]lie"),
        ("aeon", "\u00c6on Flux", "[\u00c6on] Flux"),
        ("a", "\u00c6on Flux", "[\u00c6]on Flux"),
        ("strasse", "Die Straße", "Die [Straße]"),
        ("oceans", "Ocean's Eleven", "[Ocean's] Eleven"),
        ("ocea", "Ocean\u2019s Eleven", "[Ocea]n\u2019s Eleven"),
        ("et", "E.T. the Extra-Terrestrial", "[E.T]. the Extra-Terrestrial"),
        ("mash", "M*A*S*H", "[M*A*S*H]"),
        ("avventura ", "L'Avventura", "L'[Avventura]"),
        ("romeo and", "Romeo & Juliet", "[Romeo] [&] Juliet"),
        ("$", "$", "[$]"),
        ("spiderman", "Spider-Man", "[Spider]-[Man]"),
        ("spider man", "Spiderman", "[Spiderman]"),
        ("new york", "New York, New York", "[New] [York], [New] [York]"),
        ("drama 1999", "Something Else", "Something Else"),
        ("alien ", "Alien and Aliens", "[Alien] and Aliens"),
        ("toy s", "Toy Story", "[Toy] [S]tory"),
    ],
)
def test_matching_characters_are_marked(query: str, title: str, expected: str) -> None:
    assert marked(query, title) == [expected]


def test_each_alternative_title_is_marked() -> None:
    assert marked("deus", "City of God", "Cidade de Deus", "Deus") == ["City of God", "Cidade de [Deus]", "[Deus]"]


def test_nothing_is_marked_without_hits() -> None:
    assert marked("zyzzyva", "The Matrix") == ["The Matrix"]


@given(st.text(st.characters() | st.sampled_from("aA .,'*&+½Æß\u0301"), max_size=40))
def test_words_are_located_in_their_text(text: str) -> None:
    article, words = parse_name(text)

    located = locate_words(text)

    assert sorted(word for word, _ in located) == sorted([article, *words] if article else words)
    assert all(len(word) == len(origins) and list(origins) == sorted(origins) for word, origins in located)
    assert all(0 <= origin < len(text) for _, origins in located for origin in origins)
