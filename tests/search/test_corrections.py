"""The query as corrected, if its best hit has typos."""

import pytest

from server.search.index import SearchDocument, SearchIndex, build_index
from tests.support.tables import for_each

FILMS = [
    SearchDocument(1, "The Godfather", (), 1972, ("Crime", "Drama"), 192),
    SearchDocument(2, "The Shawshank Redemption", (), 1994, ("Crime", "Drama"), 317),
    SearchDocument(3, "Amélie", ("Le Fabuleux Destin d'Amélie Poulain",), 2001, ("Comedy", "Romance"), 120),
    SearchDocument(4, "The Right Stuff", (), 1983, ("Drama",), 40),
    SearchDocument(5, "Spider-Man 2", (), 2004, ("Action",), 79),
    SearchDocument(6, "Toy Story", (), 1995, ("Animation", "Comedy"), 215),
    SearchDocument(7, "Shrek", (), 2001, ("Animation", "Comedy"), 170),
    SearchDocument(8, "Aliens", (), 1986, ("Action",), 126),
]


@pytest.fixture(scope="module")
def index() -> SearchIndex:
    return build_index(FILMS)


@for_each(
    ("query", "corrected"),
    [
        ("the godfater", "the godfather"),
        ("Godfater, The", "godfather, the"),
        ("  The  GODFAHTER ", "the godfather"),
        ("shawshnak redemtion", "shawshank redemption"),
        ("shwash", "shawshank"),
        ("Ameile", "amelie"),
        ("the riht stuff", "the right stuff"),
        ("comedey 1995", "comedy 1995"),
        ("90s comdey", "90s comedy"),
        ("toy storry 1995", "toy story 1995"),
        ("spidre man 2", "spider man 2"),
    ],
)
def test_misspelt_words_are_replaced_by_those_of_the_best_hit(index: SearchIndex, query: str, corrected: str) -> None:
    assert index.correct(query, index.search(query)) == corrected


@for_each(
    "query",
    ["the godfather", "spiderman2", "toys story", "shawsh", "shrek 1", "spiderman two", "zyzzyva", "alien", "", "$"],
)
def test_nothing_is_corrected_without_typos_or_hits(index: SearchIndex, query: str) -> None:
    assert index.correct(query, index.search(query)) is None


def test_the_corrected_query_finds_the_best_hit_without_typos(index: SearchIndex) -> None:
    hits = index.search("shawshnak redemtion")
    corrected = index.correct("shawshnak redemtion", hits)

    assert corrected is not None
    assert index.search(corrected).movie_ids.tolist() == hits.movie_ids.tolist()
    assert index.search(corrected).fewest_typos == 0
