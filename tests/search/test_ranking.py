"""The order of the hits."""

from server.search.index import SearchDocument, build_index
from tests.search.conftest import Search
from tests.support.tables import for_each


def titles_in_order(query: str, documents: list[SearchDocument]) -> list[str]:
    titles = {document.movie_id: document.title for document in documents}
    return [titles[movie_id] for movie_id in build_index(documents).search(query).movie_ids.tolist()]


def test_alien_is_alien(search: Search) -> None:
    assert search("alien") == ["Alien", "Aliens"]


@for_each("query", ["lord of the rings", "The Lord of the Rings"])
def test_a_famous_trilogy_comes_before_an_unknown_film_of_that_title(search: Search, query: str) -> None:
    assert search(query) == [
        "The Lord of the Rings: The Fellowship of the Ring",
        "The Lord of the Rings: The Two Towers",
        "The Lord of the Rings: The Return of the King",
        "The Lord of the Rings",
    ]


def test_the_year_picks_one_of_a_name(search: Search) -> None:
    assert search("lord of the rings 1978") == ["The Lord of the Rings"]


def test_equally_good_titles_are_ordered_by_popularity(search: Search) -> None:
    assert search("star wars") == [
        "Star Wars: Episode IV - A New Hope",
        "Star Wars: Episode V - The Empire Strikes Back",
    ]


def test_a_genre_lists_its_popular_movies_before_an_unpopular_title_with_the_word(search: Search) -> None:
    hits = search("comedy")

    assert hits[:2] == ["Toy Story", "Amelie"]
    assert hits.index("The King of Comedy") > hits.index("Some Like It Hot")


def test_the_better_fit_comes_first_among_equally_popular_movies() -> None:
    documents = [
        SearchDocument(1, "Story Number Nine", ("Toy",), 1990, ("Drama",), 10),
        SearchDocument(2, "A Story of a Toy", (), 1990, (), 10),
        SearchDocument(3, "Nine", ("My Toy Story Film",), 1990, (), 10),
        SearchDocument(4, "My Toy Story Film", (), 1990, (), 10),
        SearchDocument(5, "Ten", ("Toy Story Two",), 1990, (), 10),
        SearchDocument(6, "The Toy Story Two", (), 1990, (), 10),
        SearchDocument(7, "Eleven", ("Toy Story",), 1990, (), 10),
        SearchDocument(8, "The Toy Story", (), 1990, (), 10),
        SearchDocument(9, "Toy Storyteller", (), 1990, (), 10),
        SearchDocument(10, "Twelve", (), 1990, ("Toy", "Story"), 10),
        SearchDocument(11, "Thirteen", ("A Story of a Toy",), 1990, (), 10),
    ]

    assert build_index(documents).search("toy story").movie_ids.tolist() == [8, 7, 6, 5, 4, 9, 3, 2, 11, 10, 1]


def test_a_finished_word_comes_before_the_beginning_of_a_more_popular_one() -> None:
    documents = [
        SearchDocument(1, "The Matrix", (), 1999, (), 278),
        SearchDocument(2, "M", (), 1931, (), 15),
    ]

    assert titles_in_order("m", documents) == ["M", "The Matrix"]


def test_a_word_of_the_title_is_better_than_the_same_word_as_a_genre() -> None:
    documents = [
        SearchDocument(1, "True Romance", (), 1993, ("Crime",), 20),
        SearchDocument(2, "True Crime", (), 1999, ("Drama",), 20),
    ]

    assert titles_in_order("true crime", documents) == ["True Crime", "True Romance"]


def test_the_title_before_a_genre_or_a_year_is_still_the_whole_title() -> None:
    documents = [
        SearchDocument(1, "Space Heat 1995", (), 1995, (), 20),
        SearchDocument(2, "Dead Heat", (), 1995, ("Action",), 20),
        SearchDocument(3, "Heat", (), 1995, ("Action",), 10),
        SearchDocument(4, "Heatwave", (), 1995, ("Action",), 20),
    ]

    assert titles_in_order("heat action 1995", documents) == ["Heat", "Dead Heat"]


def test_ten_times_the_ratings_outweigh_a_slightly_better_fit() -> None:
    documents = [
        SearchDocument(1, "The Toy", (), 1982, (), 10),
        SearchDocument(2, "Toy Story", (), 1995, (), 200),
    ]

    assert titles_in_order("toy", documents) == ["Toy Story", "The Toy"]


def test_ties_are_ordered_by_id() -> None:
    documents = [SearchDocument(movie_id, "Hamlet", (), 1990, (), 7) for movie_id in (30, 4, 100)]

    assert build_index(documents).search("hamlet").movie_ids.tolist() == [4, 30, 100]


def test_movies_without_ratings_are_found() -> None:
    documents = [SearchDocument(1, "Hamlet", (), 1990, (), 0), SearchDocument(2, "Hamlet", (), 1996, (), 1)]

    assert build_index(documents).search("hamlet").movie_ids.tolist() == [2, 1]
