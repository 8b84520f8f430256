"""Importing a person's ratings: which movie a row belongs to, and what is saved."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.errors import UserNotFound
from server.models import Movie, Rating, User
from server.schemas.ratings_import import ExportedRating, SkippedRow
from server.services.ratings_import import NO_MOVIE, NO_TITLE, SEVERAL_MOVIES, RatingsImportService, title_key
from tests.support.builders import kept_statistics, recounted_statistics
from tests.support.tables import for_each, for_each_in

NEWCOMER = 77
MATRIX, ALIEN, CITY_OF_GOD, AMELIE, THE_POSTMAN = 2, 3, 5, 10, 12
IN_2020 = datetime(2020, 1, 31, tzinfo=UTC)
IN_1990 = datetime(1990, 1, 1, tzinfo=UTC)


@pytest.fixture
def services(
    catalogues: dict[str, Database], sessions: dict[str, Session]
) -> dict[str, tuple[RatingsImportService, Session]]:
    """Return the service of imports into the twelve films on each kind of database."""
    return {kind: (imports_of(sessions[kind]), sessions[kind]) for kind in catalogues}


on_each_database = for_each_in("services", "imports, session")


def imports_of(session: Session) -> RatingsImportService:
    session.execute(insert(User).values(user_id=NEWCOMER))
    session.execute(update(Movie).where(Movie.movie_id == MATRIX).values(imdb_id="tt0133093"))
    return RatingsImportService(session)


def row(
    line: int = 2,
    stars: float | None = 4.0,
    rated_at: datetime | None = IN_2020,
    **fields: Any,  # noqa: ANN401 (fields of a row)
) -> ExportedRating:
    """Return a row of a file."""
    return ExportedRating(line, stars, rated_at, **fields)


def stars_of(session: Session, user_id: int) -> dict[int, float]:
    rows = session.execute(select(Rating.movie_id, Rating.rating).where(Rating.user_id == user_id))
    return dict(rows.all())


@on_each_database
@for_each(
    ("fields", "movie_id"),
    [
        ({"imdb_id": "tt0133093", "title": "Matrix"}, MATRIX),
        ({"title": "The Matrix", "year": 1999}, MATRIX),
        ({"title": "matrix, the", "year": 1999}, MATRIX),
        ({"title": "The Matrix", "year": 1998}, MATRIX),
        ({"title": "The Matrix", "year": 2000}, MATRIX),
        ({"title": "The Matrix"}, MATRIX),
        ({"title": "Cidade de Deus", "year": 2002}, CITY_OF_GOD),
        ({"title": "Amélie", "year": 2001}, AMELIE),
        ({"title": "AMELIE", "year": 2001}, AMELIE),
        ({"title": "Postman", "year": 1997}, THE_POSTMAN),
        ({"movie_id": ALIEN}, ALIEN),
    ],
)
def test_a_row_finds_its_movie(
    imports: RatingsImportService, session: Session, fields: dict[str, Any], movie_id: int
) -> None:
    session.execute(delete(Rating).where(Rating.user_id == NEWCOMER))

    report = imports.import_ratings(NEWCOMER, "letterboxd", [row(**fields)])

    assert (report.matched, report.added, report.unmatched, report.ambiguous) == (1, 1, [], [])
    assert stars_of(session, NEWCOMER) == {movie_id: 4.0}


@on_each_database
@for_each(
    ("fields", "reason"),
    [
        ({"title": "The Matrix", "year": 2001}, NO_MOVIE),
        ({"title": "Matrices", "year": 1999}, NO_MOVIE),
        ({"movie_id": 4711}, NO_MOVIE),
        ({}, NO_TITLE),
        ({"title": "Alien", "problem": "The row has no rating."}, "The row has no rating."),
    ],
)
def test_a_row_without_a_movie_is_reported(
    imports: RatingsImportService, session: Session, fields: dict[str, Any], reason: str
) -> None:
    report = imports.import_ratings(NEWCOMER, "imdb", [row(9, **fields)])

    assert report.unmatched == [SkippedRow(line=9, title=fields.get("title"), reason=reason)]
    assert (report.rows, report.matched) == (1, 0)
    assert stars_of(session, NEWCOMER) == {}


@on_each_database
def test_two_movies_of_one_title_and_year_are_ambiguous(imports: RatingsImportService, session: Session) -> None:
    session.execute(update(Movie).where(Movie.movie_id == ALIEN).values(title="The Matrix", year=1999))

    report = imports.import_ratings(NEWCOMER, "letterboxd", [row(title="The Matrix", year=1999)])

    assert report.ambiguous == [SkippedRow(line=2, title="The Matrix", reason=SEVERAL_MOVIES)]
    assert stars_of(session, NEWCOMER) == {}


@on_each_database
def test_the_exact_year_is_preferred_to_a_neighbour(imports: RatingsImportService, session: Session) -> None:
    session.execute(update(Movie).where(Movie.movie_id == ALIEN).values(title="The Matrix", year=2000))

    imports.import_ratings(NEWCOMER, "letterboxd", [row(title="The Matrix", year=2000)])

    assert stars_of(session, NEWCOMER) == {ALIEN: 4.0}


@on_each_database
def test_the_same_file_again_changes_nothing(imports: RatingsImportService, session: Session) -> None:
    rows = [row(2, 4.5, title="Alien", year=1979), row(3, 1.0, None, title="Heat", year=1995)]
    imports.import_ratings(NEWCOMER, "letterboxd", rows)
    before = session.execute(select(Rating).where(Rating.user_id == NEWCOMER)).scalars().all()

    report = imports.import_ratings(NEWCOMER, "letterboxd", rows)

    assert (report.matched, report.added, report.updated, report.unchanged) == (2, 0, 0, 2)
    assert session.execute(select(Rating).where(Rating.user_id == NEWCOMER)).scalars().all() == before


@on_each_database
def test_the_newer_rating_counts(imports: RatingsImportService, session: Session) -> None:
    imports.import_ratings(NEWCOMER, "letterboxd", [row(2, 2.0, IN_2020, title="Alien", year=1979)])

    older = imports.import_ratings(NEWCOMER, "imdb", [row(2, 5.0, IN_1990, title="Alien", year=1979)])
    newer = imports.import_ratings(NEWCOMER, "imdb", [row(2, 3.0, None, title="Alien", year=1979)])

    assert (older.unchanged, newer.updated) == (1, 1)
    assert stars_of(session, NEWCOMER) == {ALIEN: 3.0}


@on_each_database
def test_of_two_rows_of_one_movie_the_newer_counts(imports: RatingsImportService, session: Session) -> None:
    rows = [row(2, 5.0, IN_2020, title="Alien"), row(3, 1.0, IN_1990, title="Alien")]

    report = imports.import_ratings(NEWCOMER, "letterboxd", rows)

    assert (report.matched, report.added, report.unchanged) == (2, 1, 1)
    assert stars_of(session, NEWCOMER) == {ALIEN: 5.0}


@on_each_database
def test_averages_follow(imports: RatingsImportService, session: Session) -> None:
    imports.import_ratings(NEWCOMER, "letterboxd", [row(title="Alien"), row(3, 0.5, title="The Matrix")])
    imports.import_ratings(NEWCOMER, "letterboxd", [row(2, 5.0, None, title="Alien")])

    assert kept_statistics(session) == recounted_statistics(session)


@on_each_database
def test_an_unknown_user_is_named(imports: RatingsImportService) -> None:
    with pytest.raises(UserNotFound, match="404404"):
        imports.import_ratings(404404, "letterboxd", [])


@for_each(
    ("one", "other"),
    [("The Thing", "Thing, The"), ("Fast & Furious", "Fast and Furious"), ("WALL·E", "wall-e"), ("!!!", "!!!")],
)
def test_titles_that_mean_the_same_have_one_key(one: str, other: str) -> None:
    assert title_key(one) == title_key(other)
