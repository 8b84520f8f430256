"""The popularity in the ranking is a snapshot that all processes share."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from server.backend.database import Database
from server.models import MovieStatistics, PopularitySnapshot
from server.services.live.catalogue import LiveCatalogue, store_index
from server.services.live.popularity import PopularityDataManager, SnapshotHeader, take_snapshot
from tests.support.source_files import load_folder, write_source
from tests.support.tables import for_each_in

on_each_database = for_each_in("catalogues", "catalogue")
on_each_empty_database = for_each_in("databases", "database")

BEFORE, AFTER = [2, 7, 6, 9], [9, 2, 7, 6]
"""Thrillers by popularity, before and after movie 9 gets very many ratings."""


def started(database: Database) -> LiveCatalogue:
    """Return the live catalogue of a process that has just started."""
    live_catalogue = LiveCatalogue(database)
    live_catalogue.refresh()
    return live_catalogue


def thrillers(live_catalogue: LiveCatalogue) -> list[int]:
    ids: list[int] = live_catalogue.index.search("thriller").movie_ids.tolist()
    return ids


def make_popular(database: Database, movie_id: int) -> None:
    with database.transaction(writes=True) as session:
        session.execute(
            update(MovieStatistics).where(MovieStatistics.movie_id == movie_id).values(rating_count=1_000_000)
        )


def header(database: Database) -> SnapshotHeader | None:
    with database.transaction(writes=False) as session:
        return PopularityDataManager(session).find_header()


@on_each_database
def test_the_order_is_the_same_in_all_processes_and_after_a_restart(catalogue: Database) -> None:
    first = started(catalogue)
    first.refresh()

    make_popular(catalogue, 9)

    assert thrillers(first) == thrillers(started(catalogue)) == BEFORE


@on_each_database
def test_processes_follow_a_new_snapshot(catalogue: Database) -> None:
    take_snapshot(catalogue)
    live_catalogue = started(catalogue)
    make_popular(catalogue, 9)
    live_catalogue.refresh()
    before = thrillers(live_catalogue)

    take_snapshot(catalogue)
    live_catalogue.refresh()

    assert (before, thrillers(live_catalogue)) == (BEFORE, AFTER)


@on_each_database
def test_a_process_replaces_the_snapshot_after_new_ratings(catalogue: Database) -> None:
    take_snapshot(catalogue)
    make_popular(catalogue, 9)
    with catalogue.transaction(writes=True) as session:
        session.execute(update(PopularitySnapshot).values(taken_at=datetime.fromtimestamp(0, tz=UTC)))

    live_catalogue = started(catalogue)
    live_catalogue.refresh()
    live_catalogue.refresh()

    assert thrillers(live_catalogue) == AFTER


@on_each_database
def test_a_snapshot_is_kept_while_it_is_young_or_nothing_has_changed(catalogue: Database) -> None:
    take_snapshot(catalogue)
    first = header(catalogue)

    take_snapshot(catalogue)
    make_popular(catalogue, 9)
    take_snapshot(catalogue, min_age=timedelta(hours=1))

    assert header(catalogue) == first
    take_snapshot(catalogue)
    second = header(catalogue)
    assert first is not None
    assert second is not None
    assert (second.version, second.total_ratings > first.total_ratings) == (first.version + 1, True)


@on_each_database
def test_another_catalogue_gets_another_snapshot_at_once(catalogue: Database, tmp_path: Path) -> None:
    take_snapshot(catalogue)
    load_folder(write_source(tmp_path / "more", movies=["20,Toys (1992),Comedy"], ratings=["1,20,4.0,1"]), catalogue)

    store_index(catalogue)

    snapshot = header(catalogue)
    assert snapshot is not None
    assert (snapshot.version, snapshot.ingestion_id) == (2, 2)


@on_each_database
def test_a_damaged_snapshot_is_replaced(catalogue: Database) -> None:
    take_snapshot(catalogue)
    with catalogue.transaction(writes=True) as session:
        session.execute(update(PopularitySnapshot).values(content=b"torn"))

    live_catalogue = started(catalogue)
    live_catalogue.refresh()

    assert thrillers(live_catalogue) == BEFORE
    with catalogue.transaction(writes=False) as session:
        assert PopularityDataManager(session).find_snapshot() is not None


@on_each_database
def test_only_one_of_two_processes_stores_a_version(catalogue: Database) -> None:
    take_snapshot(catalogue)
    first = header(catalogue)
    assert first is not None

    with catalogue.transaction(writes=False) as session:
        popularity = PopularityDataManager(session).count_ratings()
    with pytest.raises(IntegrityError), catalogue.transaction(writes=True) as session:
        PopularityDataManager(session).replace_snapshot(first, popularity)

    assert header(catalogue) == first


@on_each_empty_database
def test_an_empty_database_gets_no_snapshot(database: Database) -> None:
    live_catalogue = started(database)
    live_catalogue.refresh()

    with database.transaction(writes=False) as session:
        assert session.scalar(select(PopularitySnapshot.snapshot_id)) is None
