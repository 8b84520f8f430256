"""The columns by which lists are filtered and sorted follow the database."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from server.backend.database import Database
from server.models import MovieStatistics
from server.schemas.movies import SortName
from server.services.live.listing import TOP_RATED_VOTES, LiveListing
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
