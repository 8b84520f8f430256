from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from server.backend.database import Database
from server.command_errors import SourceError
from server.etl.load.loader import Counts, LoadReport, Progress
from server.etl.movielens import source as movielens
from server.etl.movielens.batches import Rejected
from server.models import Ingestion, MovieStatistics, Rating, User
from tests.support.source_files import load_folder, write_source
from tests.support.tables import for_each, for_each_in

MOVIES = ("1,Toy Story (1995),Animation|Comedy", "2,Heat (1995),Action", "3,Babylon 5,(no genres listed)")
RATINGS = ("1,1,4.0,1000", "1,2,3.5,1001", "7,1,0.5,1002")


@pytest.fixture
def targets(databases: dict[str, Database], tmp_path: Path) -> dict[str, tuple[Database, Path]]:
    """Return an empty database of each kind, and a source for it."""
    return {
        kind: (database, write_source(tmp_path / kind / "source", movies=MOVIES, ratings=RATINGS))
        for kind, database in databases.items()
    }


on_each_database = for_each_in("targets", "database, folder")


def load_ratings(database: Database, folder: Path, *ratings: str) -> LoadReport:
    """Load the movies of this module with these ratings."""
    return load_folder(write_source(folder, movies=MOVIES, ratings=ratings), database)


def stored_ratings(database: Database) -> dict[tuple[int, int], tuple[float, int]]:
    """Return stars and seconds by user and movie."""
    with database.transaction(writes=False) as session:
        rows = session.execute(select(Rating.user_id, Rating.movie_id, Rating.rating, Rating.rated_at))
        return {(user, movie): (stars, int(moment.timestamp())) for user, movie, stars, moment in rows}


def stored_statistics(database: Database) -> dict[int, tuple[int, float]]:
    with database.transaction(writes=False) as session:
        rows = session.execute(
            select(MovieStatistics.movie_id, MovieStatistics.rating_count, MovieStatistics.rating_sum)
        )
        return {movie_id: (count, total) for movie_id, count, total in rows}


def ingestions(database: Database) -> list[tuple[str, dict[str, int]]]:
    """Return the source of each ingestion, and its counts that are not zero."""
    with database.transaction(writes=False) as session:
        rows = session.execute(select(Ingestion.source, Ingestion.counts).order_by(Ingestion.ingestion_id))
        return [(source, {name: count for name, count in counts.items() if count}) for source, counts in rows]


@on_each_database
def test_statistics_are_added_in_parts(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.etl.load.rating_writer.MOVIES_PER_FRAME", 2)

    load_ratings(database, folder, "1,1,4.0,1", "1,2,3.5,1", "2,1,4.0,1", "2,2,5.0,1", "2,3,0.5,1")

    assert stored_statistics(database) == {1: (2, 8.0), 2: (2, 8.5), 3: (1, 0.5)}


@on_each_database
def test_a_source_is_loaded_completely(database: Database, folder: Path) -> None:
    report = load_folder(folder, database)

    assert report == LoadReport(movies=Counts(read=3, added=3), ratings=Counts(read=3, added=3), users_added=2)
    assert stored_ratings(database) == {(1, 1): (4.0, 1000), (1, 2): (3.5, 1001), (7, 1): (0.5, 1002)}
    assert stored_statistics(database) == {1: (2, 4.5), 2: (1, 3.5), 3: (0, 0.0)}
    with database.transaction(writes=False) as session:
        assert session.scalars(select(User.user_id).order_by(User.user_id)).all() == [1, 7]


@on_each_database
def test_a_second_run_changes_nothing(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    before = stored_ratings(database), stored_statistics(database), ingestions(database)

    report = load_folder(folder, database)

    assert report == LoadReport(movies=Counts(read=3, unchanged=3), ratings=Counts(read=3, unchanged=3))
    assert (stored_ratings(database), stored_statistics(database), ingestions(database)) == before


@on_each_database
def test_only_newer_ratings_replace_stored_ones(database: Database, folder: Path) -> None:
    load_folder(folder, database)

    report = load_ratings(database, folder, "1,1,1.0,1001", "1,2,5.0,1000", "7,1,2.0,1002", "7,2,3.0,1", "8,3,5.0,1")

    assert report.ratings == Counts(read=5, added=2, updated=2, unchanged=1)
    assert report.users_added == 1
    assert stored_ratings(database) == {
        (1, 1): (1.0, 1001),
        (1, 2): (3.5, 1001),
        (7, 1): (2.0, 1002),
        (7, 2): (3.0, 1),
        (8, 3): (5.0, 1),
    }
    assert stored_statistics(database) == {1: (2, 3.0), 2: (2, 6.5), 3: (1, 5.0)}


@on_each_database
def test_rows_missing_from_a_later_source_stay(database: Database, folder: Path) -> None:
    load_folder(folder, database)

    report = load_folder(write_source(folder, movies=MOVIES[:1], ratings=["9,2,5.0,2000"]), database)

    assert report == LoadReport(movies=Counts(read=1, unchanged=1), ratings=Counts(read=1, added=1), users_added=1)
    assert stored_statistics(database) == {1: (2, 4.5), 2: (2, 8.5), 3: (0, 0.0)}


@on_each_database
def test_the_newest_of_duplicate_ratings_counts(database: Database, folder: Path) -> None:
    report = load_ratings(database, folder, "1,1,1.0,1000", "1,1,2.0,1002", "1,1,3.0,1001", "1,2,1.0,5", "1,2,2.0,5")

    assert report.ratings == Counts(read=5, added=2, unchanged=3)
    assert stored_ratings(database) == {(1, 1): (2.0, 1002), (1, 2): (2.0, 5)}


@on_each_database
def test_the_newest_of_duplicate_ratings_counts_across_batches(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One line per batch.
    monkeypatch.setattr(movielens, "_RATINGS_BLOCK_BYTES", 16)
    ratings = ("1,1,1.0,1000", "1,1,2.0,1002", "1,1,3.0,1001", "7,2,4.0,1000")

    first, second = load_ratings(database, folder, *ratings), load_ratings(database, folder, *ratings)

    assert first.ratings == Counts(read=4, added=2, unchanged=2)
    assert first.users_added == 2
    assert second.ratings == Counts(read=4, unchanged=4)
    assert stored_ratings(database) == {(1, 1): (2.0, 1002), (7, 2): (4.0, 1000)}
    assert stored_statistics(database) == {1: (1, 2.0), 2: (1, 4.0), 3: (0, 0.0)}


@on_each_database
def test_users_may_be_in_any_order(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One line per batch.
    monkeypatch.setattr(movielens, "_RATINGS_BLOCK_BYTES", 16)

    report = load_ratings(database, folder, "5,1,1.0,1000", "7,1,2.0,1000", "5,1,3.0,1001", "3,2,4.0,5", "9,2,5.0,5")

    assert report.ratings == Counts(read=5, added=4, updated=1)
    assert report.users_added == 4
    assert stored_ratings(database) == {(5, 1): (3.0, 1001), (7, 1): (2.0, 1000), (3, 2): (4.0, 5), (9, 2): (5.0, 5)}
    assert stored_statistics(database) == {1: (2, 5.0), 2: (2, 9.0), 3: (0, 0.0)}


@on_each_database
def test_new_users_are_added_to_existing_ones(database: Database, folder: Path) -> None:
    load_folder(folder, database)

    report = load_ratings(database, folder, "8,1,1.0,1000", "9,2,2.5,1000")

    assert report.ratings == Counts(read=2, added=2)
    assert stored_statistics(database) == {1: (3, 5.5), 2: (2, 6.0), 3: (0, 0.0)}


@on_each_database
def test_rejected_rows_are_counted_and_reported(database: Database, folder: Path) -> None:
    rejected: list[Rejected] = []
    write_source(
        folder,
        movies=["1,Toy Story (1995),Comedy", "x,Heat (1995),Action", "1,Toys (1992),Comedy"],
        ratings=["1,1,4.0,1000", "1,2,4.0,1000", "1,1,4.2,1001", "1,1", "2,9,3.0,7", "3,1,5.0,8"],
    )

    report = load_folder(folder, database, on_reject=rejected.append)

    assert report == LoadReport(
        movies=Counts(read=3, added=1, rejected=2), ratings=Counts(read=6, added=2, rejected=4), users_added=2
    )
    assert sorted((row.file, row.line) for row in rejected) == [
        ("movies.csv", 3),
        ("movies.csv", 4),
        *[("ratings.csv", line) for line in (3, 4, 5, 6)],
    ]
    assert Rejected("ratings.csv", 3, "movie 2 is not in the catalogue") in rejected
    # Users whose rows are all rejected are not created.
    assert stored_ratings(database).keys() == {(1, 1), (3, 1)}


@on_each_database
def test_ratings_may_refer_to_movies_of_an_earlier_source(database: Database, folder: Path) -> None:
    load_folder(folder, database)

    report = load_folder(write_source(folder, movies=[], ratings=["1,3,2.5,1000"]), database)

    assert report.ratings == Counts(read=1, added=1)


@on_each_database
def test_a_source_without_rows_is_refused(database: Database, folder: Path) -> None:
    with pytest.raises(SourceError, match=r"^source contains no rows\.$"):
        load_folder(write_source(folder), database)

    assert ingestions(database) == []


@on_each_database
@for_each(
    ("movies", "ratings", "reason"),
    [
        (
            ["x,Heat,", "y,Alien,"],
            [],
            r'^None of the 2 rows of movies\.csv is usable, .*\. Line 2: movie id "x" is not',
        ),
        (MOVIES, ["1,9,4.0,1"], r"^None of the 1 rows of ratings\.csv is usable, .*\. Line 2: movie 9 is not in the "),
    ],
)
def test_a_file_without_a_usable_row_is_refused(
    database: Database, folder: Path, movies: Sequence[str], ratings: Sequence[str], reason: str
) -> None:
    with pytest.raises(SourceError, match=reason):
        load_folder(write_source(folder, movies=movies, ratings=ratings), database)

    assert stored_statistics(database) == {}


@on_each_database
def test_progress_adds_up_to_the_bytes_of_the_source(database: Database, folder: Path) -> None:
    steps: list[Progress] = []

    load_folder(folder, database, on_progress=steps.append)

    assert sum(step.bytes_read for step in steps) == sum(path.stat().st_size for path in folder.iterdir())
    assert sum(step.ratings for step in steps) == len(RATINGS)
    assert [step.stage for step in steps] == ["loading movies", "loading ratings", "building keys"]


@on_each_database
def test_an_ingestion_that_changes_data_is_recorded(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    load_ratings(database, folder, "1,1,1.0,1001")

    assert ingestions(database) == [
        ("source", {"movies_added": 3, "ratings_added": 3, "users_added": 2}),
        ("source", {"ratings_updated": 1}),
    ]
    with database.transaction(writes=False) as session:
        moments = session.scalars(select(Ingestion.finished_at)).all()
    assert all(abs((datetime.now(UTC) - moment).total_seconds()) < 60 for moment in moments)
