"""Loads are atomic, keep the data of the API, and coexist with readers and other writers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database
from server.command_errors import SourceError
from server.etl.load.loader import Progress
from server.etl.movielens.blocks import LONGEST_LINE_BYTES
from server.models import AlternativeTitle, Genre, Ingestion, Movie, Rating, User
from server.schemas.ratings import RatingCreate
from server.services.live.cards import MovieCards
from server.services.ratings import RatingService, SavedRating
from server.services.user import UserDataManager
from tests.support.killed_load import STAGES, load_until
from tests.support.source_files import load_folder, write_source
from tests.support.waiting import DEADLINE_S

MOVIES = ("1,Toy Story (1995),Animation|Comedy", "2,City of God (Cidade de Deus) (2002),Crime")
RATINGS = ("1,1,4.0,1000", "1,2,3.5,1001", "7,1,0.5,1002")


class Crash(Exception):
    """An unexpected error."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_source(tmp_path / "source", movies=MOVIES, ratings=RATINGS)


@pytest.fixture
def short_timeout(settings: Settings) -> Iterator[Database]:
    """Connect to the same database with a short timeout."""
    database = Database(settings.model_copy(update={"database_timeout_s": 0.05}))
    yield database
    database.dispose()


def save(database: Database, user_id: int, movie_id: int, stars: float) -> SavedRating:
    with database.transaction(writes=True) as session:
        return RatingService(session).save_rating(RatingCreate(user_id=user_id, movie_id=movie_id, rating=stars))


def create_user(database: Database) -> int:
    with database.transaction(writes=True) as session:
        return UserDataManager(session).create()


def average_of(database: Database, movie_id: int) -> tuple[float | None, int]:
    average = MovieCards(database.reader).find_average_rating(movie_id)
    assert average is not None
    return average.avg_rating, average.total_ratings


def count_rows(database: Database) -> dict[str, int]:
    with database.transaction(writes=False) as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (AlternativeTitle, Genre, Ingestion, Movie, Rating, User)
        }


def describe_ratings(database: Database) -> dict[str, object]:
    """Return the columns, keys and checks of the table, with their names."""
    with database.engine.connect() as connection:
        found = inspect(connection)
        return {
            "columns": [str(column) for column in found.get_columns("ratings")],
            "primary key": found.get_pk_constraint("ratings"),
            "unique": found.get_unique_constraints("ratings"),
            "foreign": sorted(found.get_foreign_keys("ratings"), key=str),
            "checks": sorted(found.get_check_constraints("ratings"), key=str),
            "indexes": found.get_indexes("ratings"),
        }


def crash() -> None:
    raise Crash


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Let Ctrl-C end this process, which a shell in the background has told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    """Do what Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_failed_load_changes_nothing_and_can_be_repeated(database: Database, folder: Path) -> None:
    empty = count_rows(database)
    for end, error in ((crash, Crash), (interrupt, KeyboardInterrupt)):
        for stage in STAGES:
            with pytest.raises(error):
                load_until(stage, folder, database, end)
            assert count_rows(database) == empty == dict.fromkeys(empty, 0), stage

    load_folder(folder, database)

    assert count_rows(database) == {
        "alternative_titles": 1,
        "genres": 3,
        "ingestions": 1,
        "movies": 2,
        "ratings": 3,
        "users": 2,
    }


def test_a_killed_load_changes_nothing_and_can_be_repeated(database: Database, database_url: str, folder: Path) -> None:
    # Each load gets as far as the stage after the one at which the load before it was killed.
    for stage in STAGES:
        command = [sys.executable, "-m", "tests.support.killed_load", database_url, str(folder), stage]
        killed = subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
        assert killed.returncode == -signal.SIGKILL
        assert set(count_rows(database).values()) == {0}, stage

    load_folder(folder, database)

    assert count_rows(database)["ratings"] == 3
    assert average_of(database, 1) == (2.25, 2)


def test_a_file_that_turns_unreadable_changes_nothing(database: Database, folder: Path) -> None:
    with folder.joinpath("ratings.csv").open("a", encoding="utf-8") as file:
        file.write("x" * (LONGEST_LINE_BYTES + 1))

    with pytest.raises(SourceError, match=r"ratings\.csv has a line of over"):
        load_folder(folder, database)

    assert set(count_rows(database).values()) == {0}


def test_a_rating_posted_after_the_source_was_written_stays(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    posted = save(database, 1, 1, 0.5).rating

    report = load_folder(folder, database)

    assert report.ratings.unchanged == 3
    assert average_of(database, 1) == (0.5, 2)
    with database.transaction(writes=False) as session:
        assert RatingService(session).get_rating(posted.rating_id) == posted


def test_rating_ids_continue_after_a_load_without_a_gap(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    load_folder(folder, database)

    assert save(database, 7, 2, 5.0).rating.rating_id == 4
    assert average_of(database, 2) == (4.25, 2)


def test_a_new_user_gets_an_id_after_those_of_the_source(database: Database, folder: Path) -> None:
    before = create_user(database)

    load_folder(folder, database)

    assert (before, create_user(database), create_user(database)) == (1, 8, 9)


def test_a_source_with_fewer_users_does_not_lower_the_next_user_id(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    first = create_user(database)

    load_folder(write_source(folder, movies=MOVIES, ratings=["3,1,4.0,1000"]), database)

    assert (first, create_user(database)) == (8, 9)


def test_readers_see_the_old_catalogue_until_the_load_commits(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    seen: list[tuple[float | None, int]] = []

    load_folder(
        write_source(folder, movies=MOVIES, ratings=["8,1,5.0,1000"]),
        database,
        on_progress=lambda _progress: seen.append(average_of(database, 1)),
    )

    assert seen == [(2.25, 2)] * 3
    assert average_of(database, 1) == (9.5 / 3, 3)


def test_a_rating_waits_until_the_load_ends(database: Database, folder: Path, short_timeout: Database) -> None:
    load_folder(folder, database)

    def rate(_progress: Progress) -> None:
        with pytest.raises(OperationalError, match="lock"):
            save(short_timeout, 1, 1, 5.0)

    load_folder(write_source(folder, movies=MOVIES, ratings=["8,1,5.0,1000"]), database, on_progress=rate)

    save(database, 1, 1, 5.0)
    assert average_of(database, 1) == (10.5 / 3, 3)


def test_users_created_during_a_load_get_ids_after_those_of_the_source(folder: Path, database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        waiting: list[Future[int]] = []

        def create_users(_progress: Progress) -> None:
            waiting.append(pool.submit(create_user, database))

        load_folder(folder, database, on_progress=create_users)
        created = [user.result(timeout=DEADLINE_S) for user in waiting]

    assert sorted(created) == [8, 9, 10]


def test_a_load_does_not_change_the_schema(database: Database, folder: Path) -> None:
    before = describe_ratings(database)

    load_folder(folder, database)

    assert describe_ratings(database) == before
    schema.check(database)


def test_foreign_keys_hold_after_a_load(database: Database, folder: Path) -> None:
    load_folder(folder, database)

    with pytest.raises(IntegrityError), database.transaction(writes=True) as session:
        session.execute(insert(Rating).values(user_id=1, movie_id=9, rating=4, rated_at=datetime.now(UTC)))
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_granted_privileges_stay(database: Database, folder: Path) -> None:
    privileges = "SELECT relacl::text FROM pg_class WHERE oid = 'ratings'::regclass"
    with database.transaction(writes=True) as session:
        session.execute(text("GRANT SELECT ON ratings TO PUBLIC"))
        granted = session.scalar(text(privileges))

    report = load_folder(folder, database)

    assert report.ratings.added == 3
    with database.transaction(writes=False) as session:
        assert session.scalar(text(privileges)) == granted
