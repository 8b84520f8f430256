from collections.abc import Iterator
from typing import NamedTuple

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.etl.load import movie_writer
from server.etl.load.movie_writer import MovieWriter
from server.etl.movielens.batches import SourceMovie
from server.etl.movielens.titles import parse_title
from server.models import Genre, Movie, MovieStatistics
from tests.support.readers import cards_of
from tests.support.tables import for_each


class Description(NamedTuple):
    """A movie as responses show it."""

    title: str
    alternative_titles: list[str]
    year: int | None
    genres: list[str]


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction(writes=True) as session:
        yield session


def source_movie(movie_id: int, source_title: str, *genres: str) -> SourceMovie:
    return SourceMovie(movie_id, source_title, parse_title(source_title), genres)


CITY_OF_GOD = source_movie(1, "City of God (Cidade de Deus) (God's Town) (2002)", "Crime", "Drama")
DESCRIPTION = Description("City of God", ["Cidade de Deus", "God's Town"], 2002, ["Crime", "Drama"])


def describe(session: Session, movie_id: int) -> Description:
    [movie] = cards_of(session).list_by_ids([movie_id])
    genres = [genre.genre_name for genre in movie.genres]
    return Description(movie.title, movie.alternative_titles, movie.year, genres)


def test_a_new_movie_is_written_with_titles_genres_and_statistics(session: Session) -> None:
    counts = MovieWriter(session).write([CITY_OF_GOD])

    assert counts == (1, 0)
    assert describe(session, 1) == DESCRIPTION
    assert session.execute(select(Movie.sort_title, Movie.source_title)).one() == (
        "city of god",
        "City of God (Cidade de Deus) (God's Town) (2002)",
    )
    assert session.execute(select(MovieStatistics.rating_count, MovieStatistics.rating_sum)).one() == (0, 0.0)


@for_each(
    ("changed", "expected"),
    [
        (
            source_movie(1, "City of God (Cidade de Deus) (God's Town) (2003)", "Crime", "Drama"),
            DESCRIPTION._replace(year=2003),
        ),
        (source_movie(1, CITY_OF_GOD.source_title, "Drama", "War"), DESCRIPTION._replace(genres=["Drama", "War"])),
        (source_movie(1, CITY_OF_GOD.source_title), DESCRIPTION._replace(genres=[])),
        (
            source_movie(1, "City of God (God's Town) (Cidade de Deus) (2002)", "Crime", "Drama"),
            DESCRIPTION._replace(alternative_titles=["God's Town", "Cidade de Deus"]),
        ),
        (source_movie(1, "Town of God, The", "Crime"), Description("The Town of God", [], None, ["Crime"])),
    ],
)
def test_a_changed_movie_is_updated(session: Session, changed: SourceMovie, expected: Description) -> None:
    session.rollback()
    MovieWriter(session).write([CITY_OF_GOD])
    session.execute(update(MovieStatistics).values(rating_count=2, rating_sum=7.5))

    counts = MovieWriter(session).write([changed])

    assert counts == (0, 1)
    assert describe(session, 1) == expected
    assert session.scalar(select(MovieStatistics.rating_sum)) == 7.5


def test_an_equal_movie_is_not_updated(session: Session) -> None:
    MovieWriter(session).write([CITY_OF_GOD])
    in_another_order = source_movie(1, CITY_OF_GOD.source_title, "Drama", "Crime")

    assert MovieWriter(session).write([in_another_order]) == (0, 0)


def test_new_and_changed_movies_are_counted_separately(session: Session) -> None:
    writer = MovieWriter(session)
    writer.write([CITY_OF_GOD, source_movie(2, "Heat (1995)", "Action")])

    counts = writer.write([CITY_OF_GOD, source_movie(2, "Heat (1995)", "Crime"), source_movie(3, "Heat (1986)")])

    assert counts == (1, 1)


def test_an_empty_batch_writes_nothing(session: Session) -> None:
    assert MovieWriter(session).write([]) == (0, 0)


def test_a_genre_has_one_row_for_all_movies_and_loads(session: Session) -> None:
    for movie_id in (1, 2, 3):
        MovieWriter(session).write([source_movie(movie_id, f"Film {movie_id}", "Crime", "Drama")])

    assert session.scalars(select(Genre.genre_name).order_by(Genre.genre_id)).all() == ["Crime", "Drama"]


def test_a_batch_larger_than_one_statement_is_written(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movie_writer, "MOVIES_PER_QUERY", 2)
    movies = [source_movie(movie_id, f"Film {movie_id} (Other {movie_id})", "Drama") for movie_id in range(1, 6)]

    counts = [MovieWriter(session).write(movies) for _ in range(2)]

    assert counts == [(5, 0), (0, 0)]
    assert describe(session, 5) == Description("Film 5", ["Other 5"], None, ["Drama"])
