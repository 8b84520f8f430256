"""The search index follows the catalogue, and is stored for processes that start."""

from pathlib import Path

from sqlalchemy import select, update

from server.backend.database import Database
from server.models import MovieStatistics, StoredIndex
from server.search import storage
from server.services.live.catalogue import LiveCatalogue, store_index
from tests.support.source_files import load_folder, write_source


def started(database: Database) -> LiveCatalogue:
    """Give what a process has after its start."""
    live_catalogue = LiveCatalogue(database)
    live_catalogue.refresh()
    return live_catalogue


def stored(database: Database) -> list[tuple[int, int]]:
    """Give version and layout of what is stored."""
    with database.transaction(writes=False) as session:
        rows = session.execute(select(StoredIndex.ingestion_id, StoredIndex.layout))
        return [(version, layout) for version, layout in rows]


def change(database: Database, **values: object) -> None:
    with database.transaction(writes=True) as session:
        session.execute(update(StoredIndex).values(**values))


def test_the_index_of_an_empty_catalogue_finds_nothing(database: Database) -> None:
    live_catalogue = LiveCatalogue(database)

    live_catalogue.refresh()

    assert len(live_catalogue.index) == 0
    assert live_catalogue.index.search("toy").total == 0


def test_the_index_is_built_anew_only_after_an_ingestion_that_changed_something(
    catalogue: Database, tmp_path: Path
) -> None:
    live_catalogue = LiveCatalogue(catalogue)
    live_catalogue.refresh()
    first = live_catalogue.index

    load_folder(tmp_path / "films", catalogue)
    live_catalogue.refresh()
    after_the_same = live_catalogue.index
    load_folder(write_source(tmp_path / "more", movies=["20,Toys (1992),Comedy|Fantasy"]), catalogue)
    live_catalogue.refresh()

    assert after_the_same is first
    assert len(live_catalogue.index) == 13
    assert live_catalogue.index.search("toys").movie_ids.tolist() == [20]
    assert live_catalogue.index.search("fantasy 1992").movie_ids.tolist() == [20]
    assert live_catalogue.index.search("cidade de deus crime 2002").movie_ids.tolist() == [5]


def test_the_index_is_stored_the_next_time_and_once(catalogue: Database) -> None:
    live_catalogue = started(catalogue)
    at_first = stored(catalogue)

    live_catalogue.refresh()
    change(catalogue, content=b"mine")
    live_catalogue.refresh()

    assert (at_first, stored(catalogue)) == ([], [(1, storage.LAYOUT)])
    with catalogue.transaction(writes=False) as session:
        assert session.scalar(select(StoredIndex.content)) == b"mine"


def test_a_process_that_starts_reads_the_index_with_the_popularity_of_now(catalogue: Database) -> None:
    started(catalogue).store()
    with catalogue.transaction(writes=True) as session:
        session.execute(update(MovieStatistics).where(MovieStatistics.movie_id == 1).values(rating_count=10**6))

    index = started(catalogue).index

    assert index.search("comedy").movie_ids.tolist()[0] == 1
    assert index.search("comedy").total > 1


def test_an_index_of_another_release_or_that_cannot_be_read_is_built_anew(catalogue: Database) -> None:
    started(catalogue).store()

    for values in ({"layout": storage.LAYOUT + 1}, {"layout": storage.LAYOUT, "content": b"torn"}):
        change(catalogue, **values)
        live_catalogue = started(catalogue)
        live_catalogue.store()

        assert live_catalogue.index.search("toy").movie_ids.tolist() == [1, 11]
        assert stored(catalogue) == [(1, storage.LAYOUT)]
        assert len(started(catalogue).index) == len(live_catalogue.index)


def test_the_index_of_the_next_version_takes_the_place_of_the_last(catalogue: Database, tmp_path: Path) -> None:
    live_catalogue = started(catalogue)
    live_catalogue.store()
    load_folder(write_source(tmp_path / "more", movies=["20,Toys (1992),Comedy|Fantasy"]), catalogue)

    live_catalogue.refresh()
    live_catalogue.refresh()

    assert stored(catalogue) == [(2, storage.LAYOUT)]
    assert started(catalogue).index.search("toys").movie_ids.tolist() == [20]


def test_an_ingestion_may_store_the_index_for_all_who_start(catalogue: Database, tmp_path: Path) -> None:
    for movies in ([], ["20,Toys (1992),Comedy|Fantasy"]):
        load_folder(write_source(tmp_path / "more", movies=movies), catalogue)
        store_index(catalogue)

    assert stored(catalogue) == [(2, storage.LAYOUT)]
    assert started(catalogue).index.search("toys").movie_ids.tolist() == [20]


def test_two_processes_may_store_the_same_index(catalogue: Database) -> None:
    first, second = started(catalogue), started(catalogue)

    first.store()
    second.store()

    assert stored(catalogue) == [(1, storage.LAYOUT)]
