"""The search index follows the catalogue, and is stored for processes that start later."""

import weakref
from pathlib import Path

import pytest
from sqlalchemy import select, update

from server.backend.database import Database
from server.models import MovieStatistics, MovieTag, StoredIndex, Tag
from server.search import storage
from server.services.live.catalogue import CatalogueDataManager, LiveCatalogue, garbage_collection_paused, store_index
from server.services.live.popularity import take_snapshot
from tests.support.builders import MOVIES, RATINGS
from tests.support.source_files import load_folder, write_source
from tests.support.tables import for_each_in

on_each_database = for_each_in("catalogues", "catalogue")
on_each_empty_database = for_each_in("databases", "database")


def started(database: Database) -> LiveCatalogue:
    """Return the live catalogue of a process that has just started."""
    live_catalogue = LiveCatalogue(database)
    live_catalogue.refresh()
    return live_catalogue


def stored(database: Database) -> list[tuple[int, int]]:
    """Return version and layout of the stored indexes."""
    with database.transaction(writes=False) as session:
        rows = session.execute(select(StoredIndex.ingestion_id, StoredIndex.layout))
        return [(version, layout) for version, layout in rows]


def change(database: Database, **values: object) -> None:
    with database.transaction(writes=True) as session:
        session.execute(update(StoredIndex).values(**values))


@on_each_empty_database
def test_the_index_of_an_empty_catalogue_finds_nothing(database: Database) -> None:
    live_catalogue = LiveCatalogue(database)

    live_catalogue.refresh()

    assert len(live_catalogue.index) == 0
    assert live_catalogue.index.search("toy").total == 0


@on_each_database
def test_the_index_is_replaced_only_after_an_ingestion_that_changed_something(
    catalogue: Database, tmp_path: Path
) -> None:
    live_catalogue = LiveCatalogue(catalogue)
    live_catalogue.refresh()
    first = live_catalogue.index

    load_folder(write_source(tmp_path / "films", movies=MOVIES, ratings=RATINGS), catalogue)
    live_catalogue.refresh()
    after_the_same = live_catalogue.index
    load_folder(write_source(tmp_path / "more", movies=["20,Toys (1992),Comedy|Fantasy"]), catalogue)
    live_catalogue.refresh()

    assert after_the_same is first
    assert len(live_catalogue.index) == 13
    assert live_catalogue.index.search("toys 1992").movie_ids.tolist() == [20]
    assert live_catalogue.index.search("fantasy 1992").movie_ids.tolist() == [20]
    assert live_catalogue.index.search("cidade de deus crime 2002").movie_ids.tolist() == [5]


@on_each_database
def test_remembered_searches_follow_the_catalogue_and_the_popularity(catalogue: Database, tmp_path: Path) -> None:
    live_catalogue = started(catalogue)
    before = live_catalogue.searches
    found = {words: before.find(words).movie_ids.tolist() for words in ("toy", "toys", "comedy")}

    load_folder(write_source(tmp_path / "more", movies=["20,Toys (1992),Comedy|Fantasy"]), catalogue)
    live_catalogue.refresh()
    with_toys = live_catalogue.searches.find("toys").movie_ids.tolist()
    with catalogue.transaction(writes=True) as session:
        session.execute(update(MovieStatistics).where(MovieStatistics.movie_id == 20).values(rating_count=10**6))
    take_snapshot(catalogue)
    live_catalogue.refresh()

    assert found["toys"] != with_toys
    assert 20 in with_toys
    assert 20 not in found["comedy"]
    assert live_catalogue.searches.find("comedy").movie_ids[0] == 20
    # A request that began before the change keeps its index and its hits.
    assert {words: before.find(words).movie_ids.tolist() for words in found} == found


@on_each_database
def test_the_index_is_stored_by_the_next_refresh_and_only_once(catalogue: Database) -> None:
    live_catalogue = started(catalogue)
    at_first = stored(catalogue)

    live_catalogue.refresh()
    change(catalogue, content=b"mine")
    live_catalogue.refresh()

    assert (at_first, stored(catalogue)) == ([], [(1, storage.LAYOUT)])
    with catalogue.transaction(writes=False) as session:
        assert session.scalar(select(StoredIndex.content)) == b"mine"


@on_each_database
def test_a_process_that_starts_loads_the_index_with_the_current_popularity(catalogue: Database) -> None:
    started(catalogue).store()
    with catalogue.transaction(writes=True) as session:
        session.execute(update(MovieStatistics).where(MovieStatistics.movie_id == 1).values(rating_count=10**6))

    index = started(catalogue).index

    assert index.search("comedy").movie_ids.tolist()[0] == 1
    assert index.search("comedy").total > 1


@on_each_database
def test_an_index_of_another_layout_and_a_damaged_index_are_built_again(catalogue: Database) -> None:
    started(catalogue).store()

    for values in ({"layout": storage.LAYOUT + 1}, {"layout": storage.LAYOUT, "content": b"torn"}):
        change(catalogue, **values)
        live_catalogue = started(catalogue)
        live_catalogue.store()

        assert live_catalogue.index.search("toy").movie_ids.tolist() == [1, 11]
        assert stored(catalogue) == [(1, storage.LAYOUT)]
        assert len(started(catalogue).index) == len(live_catalogue.index)


@on_each_database
def test_the_index_of_the_next_version_takes_the_place_of_the_last(catalogue: Database, tmp_path: Path) -> None:
    live_catalogue = started(catalogue)
    live_catalogue.store()
    load_folder(write_source(tmp_path / "more", movies=["20,Toys (1992),Comedy|Fantasy"]), catalogue)

    live_catalogue.refresh()
    live_catalogue.refresh()

    assert stored(catalogue) == [(2, storage.LAYOUT)]
    assert started(catalogue).index.search("toys 1992").movie_ids.tolist() == [20]


@on_each_database
def test_an_ingestion_may_store_the_index_for_processes_that_start_later(catalogue: Database, tmp_path: Path) -> None:
    store_index(catalogue)
    load_folder(write_source(tmp_path / "more", movies=["20,Toys (1992),Comedy|Fantasy"]), catalogue)
    store_index(catalogue)

    assert stored(catalogue) == [(2, storage.LAYOUT)]
    assert started(catalogue).index.search("toys 1992").movie_ids.tolist() == [20]


@on_each_database
def test_an_ingestion_stores_a_damaged_index_again_and_keeps_an_intact_one(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_index(catalogue)
    change(catalogue, content=b"torn")

    store_index(catalogue)
    monkeypatch.setattr(CatalogueDataManager, "documents", lambda _: pytest.fail("it is built again"))
    store_index(catalogue)

    assert started(catalogue).index.search("toy").movie_ids.tolist() == [1, 11]


@on_each_database
def test_two_processes_may_store_the_same_index(catalogue: Database) -> None:
    first, second = started(catalogue), started(catalogue)

    first.store()
    second.store()

    assert stored(catalogue) == [(1, storage.LAYOUT)]


@on_each_database
def test_the_texts_of_movies_are_read_in_parts(catalogue: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with catalogue.transaction(writes=False) as session:
        whole = list(CatalogueDataManager(session).documents())
        monkeypatch.setattr("server.services.live.catalogue.DOCUMENTS_AT_A_TIME", 1)
        in_parts = list(CatalogueDataManager(session).documents())

    assert len(whole) > 1
    assert in_parts == whole
    assert [document.movie_id for document in whole] == sorted(document.movie_id for document in whole)


def test_tags_are_searchable_and_the_most_frequent_come_first(catalogue: Database) -> None:
    with catalogue.transaction(writes=True) as session:
        session.add_all([
            Tag(tag_id=1, tag_name="Pixar", tag_key="pixar"),
            Tag(tag_id=2, tag_name="toys come alive", tag_key="toys come alive"),
        ])
        session.flush()
        session.add_all([MovieTag(movie_id=1, tag_id=1, tag_count=2), MovieTag(movie_id=1, tag_id=2, tag_count=7)])

    live_catalogue = started(catalogue)
    with catalogue.transaction(writes=False) as session:
        documents = list(CatalogueDataManager(session).documents())

    assert live_catalogue.index.search("pixar").movie_ids.tolist() == [1]
    assert {document.tags for document in documents} == {(), ("toys come alive", "Pixar")}


@on_each_database
def test_a_replaced_index_is_freed_without_garbage_collection(catalogue: Database, tmp_path: Path) -> None:
    live_catalogue = started(catalogue)
    live_catalogue.searches.find("toy stroy 90s")
    replaced = [weakref.ref(part) for part in (live_catalogue.index, live_catalogue.index.postings.vocabulary)]
    load_folder(write_source(tmp_path / "more", movies=["20,Toys (1992),Comedy|Fantasy"]), catalogue)

    with garbage_collection_paused():
        live_catalogue.refresh()

        assert [reference() for reference in replaced] == [None, None]
