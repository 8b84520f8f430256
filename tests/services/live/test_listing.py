"""The columns by which lists are filtered and sorted follow the database."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, update

from server.backend.database import Database
from server.backend.reader import Reader, Row
from server.models import Ingestion, MovieStatistics
from server.schemas.movies import SortName
from server.services.live.listing import TOP_RATED_VOTES, LiveListing
from server.services.live.watch import InstallationState
from tests.support.builders import MOVIES
from tests.support.source_files import load_folder, write_source
from tests.support.tables import for_each_in


@pytest.fixture
def listings(catalogues: dict[str, Database]) -> dict[str, tuple[Database, LiveListing]]:
    """Return each catalogue, and a listing that reads the ratings at every refresh after a use."""
    return {kind: (catalogue, listing_of(catalogue)) for kind, catalogue in catalogues.items()}


def listing_of(catalogue: Database) -> LiveListing:
    listing = LiveListing(catalogue.reader, max_age_s=0)
    listing.refresh()
    return listing


on_each_database = for_each_in("listings", "catalogue, listing")
on_each_empty_database = for_each_in("databases", "database")


def ids_by(listing: LiveListing, name: SortName, *, is_descending: bool = True) -> list[int]:
    snapshot = listing.get()
    return list(snapshot.table.movie_ids[snapshot.order(name, is_descending=is_descending)])


def set_statistics(database: Database, movie_id: int, count: int, stars: float) -> None:
    with database.transaction(writes=True) as session:
        values = {"rating_count": count, "rating_sum": stars}
        session.execute(update(MovieStatistics).where(MovieStatistics.movie_id == movie_id).values(values))


class InterruptedReader(Reader):
    """Reads from another reader, and once calls a function after a statement."""

    def __init__(self, reader: Reader) -> None:
        self.dialect, self.is_in_process = reader.dialect, reader.is_in_process
        self._reader = reader
        self._part = ""
        self._interruptions: list[Callable[[], None]] = []

    def interrupt_after(self, part: str, call: Callable[[], None]) -> None:
        """Call a function after the next statement with this part."""
        self._part = part
        self._interruptions.append(call)

    def close(self) -> None:
        """Do nothing: the connections are those of the other reader."""

    def _read(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        rows = self._reader.read(statement, parameters)
        if self._part in statement and self._interruptions:
            self._interruptions.pop()()
        return rows


def remove_ingestion(database: Database, version: int) -> None:
    with database.transaction(writes=True) as session:
        session.execute(delete(Ingestion).where(Ingestion.ingestion_id == version))


@on_each_empty_database
def test_before_the_first_refresh_there_are_no_movies(database: Database) -> None:
    assert len(LiveListing(database.reader).get()) == 0


@on_each_empty_database
def test_an_empty_database_is_an_empty_listing(database: Database) -> None:
    listing = LiveListing(database.reader)
    listing.refresh()

    assert ids_by(listing, SortName.TOP_RATED) == []


@on_each_database
def test_new_ratings_move_a_movie(catalogue: Database, listing: LiveListing) -> None:
    before = ids_by(listing, SortName.POPULARITY)
    set_statistics(catalogue, 12, 1_000, 2_500.0)

    listing.refresh()

    assert before[0] != 12
    assert ids_by(listing, SortName.POPULARITY) == [12, *(movie_id for movie_id in before if movie_id != 12)]


@on_each_database
def test_without_new_ratings_the_orders_are_kept(listing: LiveListing) -> None:
    before = listing.get().order(SortName.RATING, is_descending=True)

    listing.refresh()

    assert listing.get().order(SortName.RATING, is_descending=True) is before


@on_each_database
def test_without_a_use_the_ratings_are_not_read_again(catalogue: Database, listing: LiveListing) -> None:
    listing.get()
    listing.refresh()
    set_statistics(catalogue, 12, 1_000, 2_500.0)

    listing.refresh()

    assert ids_by(listing, SortName.POPULARITY)[0] != 12


@on_each_database
def test_a_new_movie_is_in_the_listing(catalogue: Database, listing: LiveListing, tmp_path: Path) -> None:
    newer = [*MOVIES, "13,A Newer Film (2024),Drama"]
    load_folder(write_source(tmp_path / "newer", movies=newer), catalogue)

    listing.refresh()

    assert ids_by(listing, SortName.YEAR)[0] == 13


@on_each_database
def test_an_ingestion_while_the_ratings_are_read_is_not_missed(catalogue: Database, tmp_path: Path) -> None:
    newer = write_source(tmp_path / "newer", movies=["13,A Newer Film (2024),Drama"])
    reader = InterruptedReader(catalogue.reader)
    racing = LiveListing(reader, max_age_s=0)
    racing.refresh()
    racing.get()

    def follow_an_ingestion() -> None:
        load_folder(newer, catalogue)
        racing.refresh()

    # Another thread reads the movies between the ratings of this one and its end.
    reader.interrupt_after("rating_count", follow_an_ingestion)
    set_statistics(catalogue, 12, 1_000, 2_500.0)
    racing.refresh()
    racing.refresh()

    assert 13 in racing.get().table.movie_ids
    assert ids_by(racing, SortName.POPULARITY)[0] == 12


@on_each_database
def test_movies_of_an_older_catalogue_are_read_again(catalogue: Database, tmp_path: Path) -> None:
    load_folder(write_source(tmp_path / "newer", movies=["13,A Newer Film (2024),Drama"]), catalogue)
    reader = InterruptedReader(catalogue.reader)
    listing = LiveListing(reader)

    # The replica answers again, with one ingestion less than the database itself that answered before.
    reader.interrupt_after("coalesce(year", lambda: remove_ingestion(catalogue, 2))
    listing.refresh()

    assert listing.is_behind(InstallationState(2, None, None, None, None))


@on_each_database
def test_top_rated_shrinks_a_mean_towards_the_mean_of_all(catalogue: Database, listing: LiveListing) -> None:
    # A mean of 5 stars by one user, and of 4.5 by very many.
    set_statistics(catalogue, 11, 1, 5.0)
    set_statistics(catalogue, 12, 100 * TOP_RATED_VOTES, 450.0 * TOP_RATED_VOTES)
    set_statistics(catalogue, 1, 100 * TOP_RATED_VOTES, 300.0 * TOP_RATED_VOTES)

    listing.get()
    listing.refresh()

    order = ids_by(listing, SortName.TOP_RATED)
    assert order[0] == 12
    assert ids_by(listing, SortName.RATING).index(11) < ids_by(listing, SortName.RATING).index(12)


@on_each_database
def test_every_genre_knows_its_movies(listing: LiveListing) -> None:
    table = listing.get().table

    of_genre = dict(zip((name for _, name in table.genres), table.of_genre, strict=True))

    assert table.movie_ids[of_genre["Sci-Fi"]].tolist() == [2, 3, 4]
    assert not np.any(of_genre.get("Western", np.zeros(1, np.bool_)))
