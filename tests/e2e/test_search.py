"""The search rules, over HTTP, on the demo catalogue."""

from typing import Any

from tests.support.installation import API, Server


def search(server: Server, text: str, **parameters: str | int) -> dict[str, Any]:
    response = server.client.get(f"{API}/movies", params={"search": text, **parameters})
    assert response.status_code == 200
    page: dict[str, Any] = response.json()
    return page


SPELLINGS = ["matrix", "the matrix", "Matrix, The", "THE MATRIX!", "matrix the", "matri", "mátrix", "matrix 1999"]
TYPOS_AND_DESCRIPTIONS = ["matrxi", "the maatrix", "90s matrix", "scifi 1999 matrix", "mat rix", "Matrix, The (1999)"]
BLANKS = ["", " ", "\t\n", "\u00a0"]
OPERATORS = [
    *('matrix" OR "1"="1', "matrix*", "NEAR(matrix)", "title:matrix", "-matrix", "matrix AND NOT toy", "^matrix"),
    *("%", "_", "' OR 1=1 --", "\\", "(", "{matrix}", "\x00", "\ufffd", "🎬", "a " * 100),
]


def test_spellings_typos_and_descriptions_find_the_matrix_first(shared_server: Server) -> None:
    first = {text: search(shared_server, text)["movies"][0]["title"] for text in SPELLINGS + TYPOS_AND_DESCRIPTIONS}

    assert first == dict.fromkeys(SPELLINGS + TYPOS_AND_DESCRIPTIONS, "The Matrix")


def test_a_blank_search_lists_the_catalogue(shared_server: Server) -> None:
    catalogue = shared_server.client.get(f"{API}/movies").json()

    assert {text: search(shared_server, text) for text in BLANKS} == dict.fromkeys(BLANKS, catalogue)


def test_every_word_must_match(shared_server: Server) -> None:
    page = search(shared_server, "thriller 1995", limit=100)

    found = {(movie["year"], *(genre["genre_name"] for genre in movie["genres"])) for movie in page["movies"]}
    assert page["total"] == len(page["movies"]) > 0
    assert all({1995, "Thriller"} <= set(words) for words in found)


def test_a_genre_matches_every_movie_that_has_it(shared_server: Server) -> None:
    counts = {
        genre["genre_name"]: genre["total_movies"]
        for genre in shared_server.client.get(f"{API}/genres").json()["genres"]
    }

    assert search(shared_server, "western")["total"] >= counts["Western"]
    assert shared_server.client.get(f"{API}/movies?genre=western").json()["total"] == counts["Western"]


def test_no_query_is_an_error(shared_server: Server) -> None:
    totals = {text: search(shared_server, text)["total"] for text in OPERATORS}

    assert {text: total for text, total in totals.items() if total >= 300} == {}


def test_query_operators_are_plain_text(shared_server: Server) -> None:
    assert search(shared_server, "matrix OR toy")["total"] == 0
    assert search(shared_server, "mat*")["total"] == search(shared_server, "mat")["total"] > 0


def test_a_search_without_matches_is_an_empty_page(shared_server: Server) -> None:
    assert search(shared_server, "xylophonequartet") == {"movies": [], "total": 0, "page": 1, "limit": 10}


def test_pages_of_a_search_do_not_overlap(shared_server: Server) -> None:
    whole = search(shared_server, "drama", limit=30)

    pages = [search(shared_server, "drama", limit=10, page=page) for page in (1, 2, 3)]

    assert [movie for page in pages for movie in page["movies"]] == whole["movies"]
    assert {page["total"] for page in pages} == {whole["total"]}


def test_filters_and_sorts_apply_to_the_matches(shared_server: Server) -> None:
    page = search(shared_server, "comedy", year_from=1980, year_to=1999, min_ratings=5, sort="-year", limit=100)

    years = [movie["year"] for movie in page["movies"]]
    assert page["total"] == len(years) > 1
    assert years == sorted(years, reverse=True)
    assert {1980 <= year <= 1999 for year in years} == {True}
    assert all(movie["total_ratings"] >= 5 for movie in page["movies"])


def test_facets_and_highlights_are_returned_on_request(shared_server: Server) -> None:
    page = search(shared_server, "matrix", facets="true", highlight="true")

    assert page["movies"][0]["highlights"] == {"title": [{"start": 4, "end": 10}], "alternative_titles": []}
    assert {"decade": 1990, "total_movies": 1} in page["facets"]["decades"]
    assert all(genre["total_movies"] <= page["total"] for genre in page["facets"]["genres"])


def test_facets_of_the_whole_catalogue_count_its_genres(shared_server: Server) -> None:
    facets = shared_server.client.get(f"{API}/movies?facets=true").json()["facets"]
    genres = shared_server.client.get(f"{API}/genres?limit=100").json()["genres"]

    assert sorted(facets["genres"], key=lambda genre: str(genre["genre_name"])) == [
        genre for genre in genres if genre["total_movies"]
    ]
    assert sum(decade["total_movies"] for decade in facets["decades"]) == 300
