"""Handwritten and generated queries on the built-in demo."""

import csv

import pytest

from benchmarks.hostile_queries import LONGEST_QUERY, hostile_queries
from benchmarks.search_queries import Film, Query, golden_queries, make_queries
from server.etl.demo import write_demo
from server.etl.movielens.titles import parse_title
from server.search.index import SearchDocument, build_index
from tests.support.tables import for_each

MIN_GOLDEN_QUERIES = 150


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Film]:
    """Return the films of the demo, all equally popular."""
    with (write_demo(tmp_path_factory.mktemp("demo")) / "movies.csv").open(encoding="utf-8") as file:
        return [film_of(row) for row in csv.DictReader(file)]


def film_of(row: dict[str, str]) -> Film:
    """Return the film of a row of movies.csv."""
    title = parse_title(row["title"])
    genres = tuple(row["genres"].split("|"))
    names = (title.title, title.alternative_titles, title.year)
    return Film(SearchDocument(int(row["movieId"]), *names, genres, popularity=20), row["title"])


def misses(films: list[Film], queries: list[Query]) -> list[str]:
    """Return the queries whose first hit is not the film they mean."""
    index = build_index(film.document for film in films)
    return [query.text for query in queries if index.search(query.text).movie_ids[:1].tolist() != [query.movie_id]]


def test_the_film_a_person_means_comes_first(films: list[Film]) -> None:
    queries = golden_queries(films)

    assert len(queries) >= MIN_GOLDEN_QUERIES
    assert len(misses(films, queries)) <= 0.05 * len(queries)


@for_each("kind", ["exact", "without year", "article moved", "title and year", "words swapped"])
def test_queries_made_from_titles_find_their_film_first(films: list[Film], kind: str) -> None:
    queries = [query for query in make_queries(films, a_kind=100, seed=1) if query.kind == kind]

    assert len(misses(films, queries)) <= 0.02 * len(queries)


@for_each(
    ("kind", "least"),
    [
        ("any typo in five letters", 0.97),
        ("any two typos in nine letters", 0.93),
        ("a typo in four letters", 0.93),
        ("number in another form", 0.97),
        ("year of two digits", 0.97),
        ("possessive dropped", 0.93),
        ("plural changed", 0.93),
    ],
)
def test_queries_in_another_form_or_with_typos_find_their_film_among_the_first(
    films: list[Film], kind: str, least: float
) -> None:
    index = build_index(film.document for film in films)
    queries = [query for query in make_queries(films, a_kind=300, seed=1) if query.kind == kind]

    ranks = [index.search(query.text).movie_ids[:10].tolist() for query in queries]

    reciprocal = [
        1 / (found.index(query.movie_id) + 1) if query.movie_id in found else 0
        for query, found in zip(queries, ranks, strict=True)
    ]
    assert sum(reciprocal) / len(reciprocal) >= least


def test_hostile_queries_are_as_long_as_the_api_accepts_and_are_answered(films: list[Film]) -> None:
    index = build_index(film.document for film in films)
    queries = [text for texts in hostile_queries(films, seed=1).values() for text in texts]

    assert max(map(len, queries)) == LONGEST_QUERY
    assert all(index.search(text).total <= len(films) for text in queries)
