from pathlib import Path

import numpy as np
import polars as pl
import pytest

from server.etl.demo import write_demo
from server.etl.movielens.batches import SourceMovie
from server.etl.movielens.source import open_source
from tests.support.tables import for_each

GENRES = (
    "Action|Adventure|Animation|Children|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|IMAX|Musical"
    "|Mystery|Romance|Sci-Fi|Thriller|War|Western"
)
LAST_SECOND_OF_2024 = 1_735_689_599


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo") / "new")


@pytest.fixture(scope="module")
def movies(folder: Path) -> dict[int, SourceMovie]:
    with open_source(folder) as source:
        batches = list(source.movies())
    assert [batch.rejected for batch in batches] == [[] for _ in batches]
    return {movie.movie_id: movie for batch in batches for movie in batch.movies}


@pytest.fixture(scope="module")
def ratings(folder: Path) -> pl.DataFrame:
    with open_source(folder) as source:
        batches = list(source.ratings())
    assert [batch.rejected for batch in batches] == [[] for _ in batches]
    return pl.concat(batch.frame for batch in batches)


def test_every_call_writes_the_same_files(folder: Path, tmp_path: Path) -> None:
    again = write_demo(tmp_path)

    assert [again.joinpath(name).read_bytes() for name in ("movies.csv", "ratings.csv")] == [
        folder.joinpath(name).read_bytes() for name in ("movies.csv", "ratings.csv")
    ]


def test_the_catalogue_covers_all_decades_and_genres(movies: dict[int, SourceMovie]) -> None:
    decades = {(movie.title.year or 0) // 10 * 10 for movie in movies.values()}

    assert list(movies) == list(range(1, 301))
    assert sorted({genre for movie in movies.values() for genre in movie.genres}) == GENRES.split("|")
    assert sorted(decades) == list(range(1920, 2030, 10))


def test_a_film_is_listed_once_with_genres_in_order(movies: dict[int, SourceMovie]) -> None:
    assert len({(movie.title.title, movie.title.year) for movie in movies.values()}) == 300
    assert [movie.genres for movie in movies.values()] == [
        tuple(sorted(movie.genres, key=str.casefold)) for movie in movies.values()
    ]


@for_each(
    "title",
    [
        "The Matrix",
        "Alien",
        "Aliens",
        "The Lord of the Rings: The Two Towers",
        "Star Wars: Episode IV - A New Hope",
        "The Godfather: Part III",
        "Toy Story 4",
        "It",
        "Them!",
        "M",
        "Z",
        "Pi",
        "To Be or Not to Be",
        "Spider-Man",
        "(500) Days of Summer",
        "Se7en",
        "Cidade de Deus",
        "Le Fabuleux destin d'Amélie Poulain",
        "Léon",
    ],
)
def test_popular_search_examples_are_in_the_catalogue(movies: dict[int, SourceMovie], title: str) -> None:
    titles = {name for movie in movies.values() for name in (movie.title.title, *movie.title.alternative_titles)}

    assert title in titles


def test_ratings_have_realistic_counts_values_and_times(ratings: pl.DataFrame) -> None:
    counts = ratings.group_by("user_id").len()["len"].to_list()
    shares = dict(ratings["rating"].value_counts(normalize=True).iter_rows())

    assert 20_000 <= ratings.height <= 26_000
    assert len(counts) == 300
    assert 40 <= min(counts) <= max(counts) <= 120
    assert max(shares, key=lambda stars: shares[stars]) == 4.0
    assert not ratings.select("user_id", "movie_id").is_duplicated().any()
    assert ratings["rated_at"].is_between(1_704_067_200, LAST_SECOND_OF_2024).all()


def test_average_ratings_and_popularity_are_realistic(ratings: pl.DataFrame, movies: dict[int, SourceMovie]) -> None:
    films = ratings.group_by("movie_id").agg(pl.len().alias("count"), pl.col("rating").mean().alias("mean"))
    most_rated = films.sort("count", descending=True)["movie_id"].head(20).to_list()

    assert films.height == 300
    assert films.filter(pl.col("count") < 10).is_empty()
    assert films.filter(pl.col("mean").is_between(3.0, 4.4)).height > 290
    assert {"The Matrix", "The Shawshank Redemption", "Forrest Gump", "Pulp Fiction"} <= {
        movies[movie_id].title.title for movie_id in most_rated
    }


@for_each(
    ("seen", "genre"),
    [
        ("The Little Mermaid", "Animation"),
        ("Suspiria", "Horror"),
        ("When Harry Met Sally...", "Romance"),
        ("Predator", "Action"),
    ],
)
def test_films_with_a_similar_audience_share_a_genre(
    ratings: pl.DataFrame, movies: dict[int, SourceMovie], seen: str, genre: str
) -> None:
    """Most of the ten films with the most similar audience share the genre."""
    liked = ratings.filter(pl.col("rating") >= 4)
    positive = np.zeros((301, 301))
    positive[liked["user_id"], liked["movie_id"]] = 1
    (film,) = (movie_id for movie_id, movie in movies.items() if movie.title.title == seen)
    together = positive[:, film] @ positive / np.sqrt(positive.sum(axis=0) + 10)
    together[film] = 0

    neighbours = [movies[int(movie_id)] for movie_id in np.argsort(-together)[:10]]

    assert sum(genre in movie.genres for movie in neighbours) >= 6
