"""Tags are the weakest field and match as whole words."""

from server.search.index import SearchDocument, build_index
from tests.support.tables import for_each

FILMS = [
    SearchDocument(1, "Pulp Fiction", (), 1994, ("Crime",), 300, tags=("Tarantino", "non-linear", "Dark Comedy")),
    SearchDocument(2, "Kill Bill", (), 2003, ("Action",), 130, tags=("tarantino", "The Bride")),
    SearchDocument(3, "Interstellar", (), 2014, ("Sci-Fi",), 70, tags=("time travel",)),
    SearchDocument(4, "Time Bandits", (), 1981, ("Fantasy",), 20, tags=()),
]


def found(query: str) -> list[int]:
    ids: list[int] = build_index(FILMS).search(query).movie_ids.tolist()
    return ids


@for_each(
    ("query", "movie_ids"),
    [
        ("tarantino", [1, 2]),
        ("TARANTINO", [1, 2]),
        ("tarantino crime", [1]),
        ("tarantino bill", [2]),
        ("tarantino 2003", [2]),
        ("time travel", [3]),
        ("travel time", [3]),
        ("non linear", [1]),
        ("nonlinear", []),
        ("the bride", [2]),
    ],
)
def test_each_word_may_be_in_a_tag(query: str, movie_ids: list[int]) -> None:
    assert found(query) == movie_ids


@for_each("query", ["tarant", "tarantinos", "tarantion", "trav", "timetravel"])
def test_a_tag_matches_as_a_whole_word_only(query: str) -> None:
    assert found(query) == []


def test_a_tag_weighs_least() -> None:
    documents = [
        SearchDocument(1, "One", (), 1990, (), 10, tags=("heat",)),
        SearchDocument(2, "Two", (), 1990, ("Heat",), 10),
        SearchDocument(3, "Three of Heat Only", (), 1990, (), 10),
        SearchDocument(4, "Four", ("Heat of Four",), 1990, (), 10),
        SearchDocument(6, "Six Heat", (), 1990, (), 10, tags=("heat",)),
    ]

    assert build_index(documents).search("heat ").movie_ids.tolist() == [4, 3, 6, 2, 1]


def test_a_tag_repeated_by_many_users_counts_once() -> None:
    documents = [
        SearchDocument(1, "One", (), 1990, (), 10, tags=("heat", "Heat wave", "heat heat")),
        SearchDocument(2, "Two", (), 1990, (), 11, tags=("heat",)),
    ]

    assert build_index(documents).search("heat").movie_ids.tolist() == [2, 1]


def test_words_of_tags_are_not_highlighted() -> None:
    index = build_index(FILMS)

    assert index.highlighter(index.search("tarantino bill")).mark(["Kill Bill"]) == [[(5, 9)]]
