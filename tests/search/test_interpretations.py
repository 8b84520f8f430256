"""Misspelt, joined and split words, and words by another name."""

from server.search.index import SearchDocument, build_index
from server.search.synonyms import GENRE_SYNONYMS, describing_words
from tests.search.conftest import Search
from tests.support.tables import for_each

FILMS = [
    SearchDocument(1, "Spider-Man", (), 2002, ("Action",), 100),
    SearchDocument(2, "Spiderman", (), 1977, ("Action",), 1),
    SearchDocument(3, "Man and a Spider", (), 1990, ("Children",), 5),
    SearchDocument(4, "Kids", (), 1995, ("Drama",), 5),
    SearchDocument(5, "Babe", (), 1995, ("Children", "Comedy"), 50),
    SearchDocument(6, "Children of Men", (), 2006, ("Sci-Fi",), 60),
    SearchDocument(7, "1990", (), 2020, ("Documentary",), 5),
]


def found(query: str) -> list[int]:
    ids: list[int] = build_index(FILMS).search(query).movie_ids.tolist()
    return ids


@for_each(
    ("query", "titles"),
    [
        ("shawshnak", ["The Shawshank Redemption"]),
        ("shawshank redemptiom", ["The Shawshank Redemption"]),
        ("shawshank redempitno", ["The Shawshank Redemption"]),
        ("matrxi reloadde", ["The Matrix Reloaded"]),
        ("chinatwon", ["Chinatown"]),
        ("thriler 1972", []),
        ("horor 1978", ["Halloween"]),
        ("solarsi 1972", ["Solaris"]),
        ("shwash", ["The Shawshank Redemption"]),
        ("amelie poulian", ["Amelie"]),
    ],
)
def test_long_words_may_be_misspelt(search: Search, query: str, titles: list[str]) -> None:
    assert search(query) == titles


@for_each("query", ["heit", "hea ", "hetaa", "brzlai", "shwshnkk", "1955 heat", "solaris 1973", "2010 odyssey"])
def test_short_words_numbers_and_too_many_typos_find_nothing(search: Search, query: str) -> None:
    assert search(query) == []


def test_fewer_typos_come_first_at_any_popularity() -> None:
    documents = [
        SearchDocument(1, "Monster's Balls Alien Tales", (), 1990, (), 0),
        SearchDocument(2, "Aliens", (), 1986, (), 100_000),
        SearchDocument(3, "Allien", (), 1986, (), 100_000),
    ]

    assert build_index(documents).search("alien ").movie_ids.tolist() == [1, 2, 3]


def test_a_typo_counts_in_full_if_other_words_are_genre_or_year() -> None:
    documents = [
        SearchDocument(1, "War of the Worlds", (), 2005, (), 50),
        SearchDocument(2, "The Far Side of the World", (), 2003, ("War",), 36),
    ]

    assert build_index(documents).search("war of the worldz").movie_ids.tolist() == [1, 2]


@for_each("query", ["spiderman", "spider man", "spider-man", "spiderman 2002"])
def test_joined_and_split_words_are_found(query: str) -> None:
    assert found(query)[0] == 1


def test_the_parts_of_a_split_word_are_neighbours() -> None:
    assert found("spiderman") == [1, 2]
    assert found("spiderm") == [1, 2, 3]
    assert found("spidermn") == [2]
    assert found("manspider") == []


def test_the_last_words_may_be_the_beginning_of_one_word() -> None:
    documents = [SearchDocument(1, "Goodfellas", (), 1990, (), 1), SearchDocument(2, "Star Wars", (), 1977, (), 1)]
    index = build_index(documents)

    assert index.search("good fel").movie_ids.tolist() == [1]
    assert index.search("good fel ").movie_ids.tolist() == []
    assert index.search("starw").movie_ids.tolist() == [2]


@for_each(
    ("query", "movie_ids"),
    [
        ("kids", [4, 5, 3]),
        ("kids comedy", [5]),
        ("children", [6, 5, 3]),
        ("science fiction", [6]),
        ("scifi", [6]),
        ("sci fi", [6]),
        ("sci-fi 2000s", [6]),
        ("90s", [5, 3, 4]),
        ("1990s comedy", [5]),
        ("comedy 90's", [5]),
        ("nineties", [5, 3, 4]),
        ("the nineties", [5, 3, 4]),
        ("80s", []),
        ("2020s docs", [7]),
    ],
)
def test_genres_and_decades_have_synonyms(query: str, movie_ids: list[int]) -> None:
    assert found(query + " ") == movie_ids


def test_a_decade_without_a_century_is_of_both_centuries() -> None:
    assert describing_words("20s") == [str(year) for year in (*range(1920, 1930), *range(2020, 2030))]
    assert describing_words("1920s") == [str(year) for year in range(1920, 1930)]
    assert describing_words("25s") == []


@for_each(
    ("query", "movie_ids"),
    [("rocky 2", [1, 2]), ("rocky ii", [2, 1]), ("rocky 3", []), ("rocky v", [3]), ("rocky 5", [3])],
)
def test_a_number_matches_its_other_form(query: str, movie_ids: list[int]) -> None:
    documents = [
        SearchDocument(1, "Rocky 2", (), 1979, (), 10),
        SearchDocument(2, "Rocky II", (), 1979, (), 10),
        SearchDocument(3, "Rocky V", (), 1990, (), 10),
    ]

    assert build_index(documents).search(f"{query} ").movie_ids.tolist() == movie_ids


def test_no_words_of_a_long_query_are_split() -> None:
    index = build_index([SearchDocument(1, "Spider Man " * 10, (), 2002, (), 1)])

    assert index.search("man " * 15 + "spiderman ").movie_ids.tolist() == [1]
    assert index.search("man " * 16 + "spiderman ").movie_ids.tolist() == []


def test_no_synonym_belongs_to_two_genres() -> None:
    synonyms = [synonym for of_genre in GENRE_SYNONYMS.values() for synonym in of_genre]

    assert len(set(synonyms)) == len(synonyms)
    assert not set(synonyms) & GENRE_SYNONYMS.keys()


def test_at_most_four_words_of_a_query_are_corrected() -> None:
    index = build_index([SearchDocument(1, "Alpha Bravo Delta Golfer Hotels", (), 1990, (), 1)])

    assert index.search("alpah brvo delat glfer hotels ").movie_ids.tolist() == [1]
    assert index.search("alpah brvao delat golfre hotesl ").movie_ids.tolist() == []


def test_at_most_two_words_are_corrected_if_very_many_movies_match() -> None:
    index = build_index([SearchDocument(number, "Alpha", (), 1990, ("Drama",), 1) for number in range(6_000)])

    assert index.search("drama darma dramaa ").total == 6_000
    assert index.search("drama darma dramaa dramma ").total == 0
