"""The hits of a query, from the view of a person who searches a movie page."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from server.search.index import SearchDocument, SearchIndex, build_index
from tests.search.conftest import FILMS, Search
from tests.support.tables import for_each


@for_each(
    ("query", "title"),
    [
        ("shawshank", "The Shawshank Redemption"),
        ("LEON", "Léon: The Professional"),
        ("amélie", "Amelie"),
        ("oceans eleven 1960", "Ocean's Eleven"),
        ("ocean\u2019s eleven 1960", "Ocean's Eleven"),
        ("guys & dolls", "Guys and Dolls"),
        ("et the extra terrestrial", "E.T. the Extra-Terrestrial"),
        ("mash", "M*A*S*H"),
        ("m*a*s*h", "M*A*S*H"),
        ("space odyssey", "2001: A Space Odyssey"),
        ("hanna", "Hanna"),
    ],
)
def test_case_accents_and_punctuation_make_no_difference(search: Search, query: str, title: str) -> None:
    assert search(query) == [title]


@for_each("query", ["matrix", "the matrix", "The Matrix", "Matrix, The", "THE MATRIX!", "the mat"])
def test_the_place_of_the_article_makes_no_difference(search: Search, query: str) -> None:
    assert search(query) == ["The Matrix", "The Matrix Reloaded"]


@for_each("query", ["boot", "das boot", "Boot, Das", "the boat", "boat", "der boot"])
def test_articles_of_other_languages_make_no_difference_either(search: Search, query: str) -> None:
    assert search(query) == ["Das Boot"]


def test_a_word_that_is_an_article_elsewhere_counts_when_a_title_has_it() -> None:
    index = build_index([
        SearchDocument(1, "Die Hard", (), 1988, (), 145),
        SearchDocument(2, "Hard Candy", (), 2005, (), 300),
    ])

    assert index.search("die hard").movie_ids.tolist() == [1]
    assert index.search("der hard").movie_ids.tolist() == [1, 2]


@for_each(("query", "title"), [("se7en", "Seven"), ("12 monkeys", "Twelve Monkeys"), ("cidade de deus", "City of God")])
def test_alternative_titles_count(search: Search, query: str, title: str) -> None:
    assert search(query) == [title]


@for_each(
    ("query", "titles"),
    [
        ("toy comedy", ["Toy Story"]),
        ("thriller 1995", ["Seven", "Twelve Monkeys", "Heat"]),
        ("1995 thriller", ["Seven", "Twelve Monkeys", "Heat"]),
        ("heat 1995", ["Heat"]),
        ("heat 1996", []),
        ("amelie poulain 2001", ["Amelie"]),
        ("film noir", ["Chinatown", "M"]),
        ("Film-Noir", ["Chinatown", "M"]),
        ("sci-fi 1972", ["Solaris"]),
        ("1982", ["E.T. the Extra-Terrestrial"]),
        ("musical", ["Guys and Dolls"]),
    ],
)
def test_each_word_matches_a_title_a_genre_or_the_year(search: Search, query: str, titles: list[str]) -> None:
    assert search(query) == titles


@for_each("query", ["toy matrix", "matrix shrek", "shrek", "toy storyteller"])
def test_a_word_without_a_match_leaves_no_hit(search: Search, query: str) -> None:
    assert search(query) == []


@for_each(
    ("query", "titles"),
    [
        ("shawsh", ["The Shawshank Redemption"]),
        ("toy st", ["Toy Story"]),
        ("sto", ["Toy Story"]),
        ("thrill 1995", []),
        ("toy st ", []),
        ("shaws ", []),
        ("199 ", []),
        ("heat 199", ["Heat"]),
        ("crime dram", ["The Shawshank Redemption", "The Godfather", "City of God"]),
    ],
)
def test_only_the_last_word_may_be_unfinished(search: Search, query: str, titles: list[str]) -> None:
    assert search(query) == titles


@for_each(
    ("query", "title"),
    [
        ("it", "It"),
        ("it ", "It"),
        ("them", "Them!"),
        ("Them!", "Them!"),
        ("to be or not to be", "To Be or Not to Be"),
        ("m", "M"),
        ("$", "$"),
        ("la la land", "La La Land"),
        ("2001", "2001: A Space Odyssey"),
    ],
)
def test_titles_of_stop_words_letters_numbers_and_signs_are_the_first_hit(
    search: Search, query: str, title: str
) -> None:
    assert search(query)[0] == title


def test_an_article_alone_finds_the_titles_that_have_it(search: Search) -> None:
    hits = search("the ")

    assert hits[:3] == ["The Shawshank Redemption", "The Matrix", "The Lord of the Rings: The Fellowship of the Ring"]
    assert set(hits) == {film.title for film in FILMS if "the" in film.title.lower().split()} | {"Das Boot"} | {
        "Léon: The Professional"
    }


@for_each("query", ["!!!", "?", "(", "%", "*", '"', "😀", "\x00", "\ud800", "\u202e", ""])
def test_signs_that_are_not_a_title_find_nothing(search: Search, query: str) -> None:
    assert search(query) == []


@for_each(
    ("query", "titles"),
    [
        ('"toy story"', ["Toy Story"]),
        ("toy* story", ["Toy Story"]),
        ("title:toy", []),
        ("toy OR heat", []),
        ("toy NOT story", []),
        ("toy -story", ["Toy Story"]),
        ("toy' OR 1=1 --", []),
        ("%", []),
    ],
)
def test_operators_are_plain_text(search: Search, query: str, titles: list[str]) -> None:
    assert search(query) == titles


def test_hits_are_movie_ids_and_their_total() -> None:
    index = build_index([
        SearchDocument(2**62, "Alien", (), 1979, (), 146),
        SearchDocument(5, "Aliens", (), 1986, (), 126),
    ])

    hits = index.search("alien")

    assert hits.movie_ids.dtype == np.int64
    assert hits.movie_ids.tolist() == [2**62, 5]
    assert hits.total == 2


@for_each("number", [0, 1, 10, 99, 100, 101])
def test_the_first_hits_are_those_of_all(number: int) -> None:
    index = build_index([SearchDocument(movie_id, "Alien", (), 1979, (), movie_id % 7) for movie_id in range(1, 101)])

    first = index.search("alien").first(number)

    assert first.tolist() == index.search("alien").movie_ids[:number].tolist()


def test_a_query_without_hits_has_no_first_hits(index: SearchIndex) -> None:
    assert index.search("zzzzzz").first(10).tolist() == []


def test_a_movie_with_several_matches_is_one_hit() -> None:
    index = build_index([SearchDocument(1, "New York, New York", ("New York",), 1977, ("New",), 1)])

    assert index.search("new york new").movie_ids.tolist() == [1]


def test_an_empty_catalogue_finds_nothing() -> None:
    index = build_index([])

    assert index.search("alien").movie_ids.tolist() == []
    assert index.search("alien 1979 ").total == 0


def test_many_threads_search_one_index(index: SearchIndex) -> None:
    queries = ["alien", "the lord of the rings", "crime dram", "thriller 1995", "a", "it "] * 20
    alone = [index.search(query).movie_ids.tolist() for query in queries]

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda query: index.search(query).movie_ids.tolist(), queries))

    assert together == alone


def test_a_search_with_little_work_is_fast() -> None:
    documents = [SearchDocument(number, f"The Movie {number}", (), 1990, ("Drama",), 1) for number in range(16_000)]
    index = build_index(documents)

    assert [index.is_fast(query) for query in ("movie 7", "movei 1234", "7", "zyzzyva", "")] == [True] * 5
    assert [index.is_fast(query) for query in ("the movie", "m", "movei", "drama", "7 " * 9)] == [False] * 5
