from pathlib import Path

import pytest
from sqlalchemy import select

from server.backend.database import Database
from server.etl.load import tag_writer
from server.etl.load.loader import Counts
from server.etl.movielens.batches import Rejected
from server.models import Ingestion, Movie, MovieTag, Tag
from tests.support.source_files import load_folder, write_source
from tests.support.tables import for_each

MOVIES = ("1,Toy Story (1995),Animation|Comedy", "2,Heat (1995),Action")
LINKS = ("1,0114709,862", "2,0113277,949")
TAGS = ("5,1,Pixar,0", "6,1,pixar,0", "7,1,pixar,0", "5,2,crime,0", "5,1,fun,0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_with_links_and_tags(tmp_path / "source", LINKS, TAGS)


def write_with_links_and_tags(folder: Path, links: tuple[str, ...], tags: tuple[str, ...]) -> Path:
    write_source(folder, movies=MOVIES)
    folder.joinpath("ratings.csv").unlink()
    folder.joinpath("links.csv").write_text("\n".join(("movieId,imdbId,tmdbId", *links)))
    folder.joinpath("tags.csv").write_text("\n".join(("userId,movieId,tag,timestamp", *tags)))
    return folder


def stored_links(database: Database) -> dict[int, tuple[str | None, int | None]]:
    with database.transaction(writes=False) as session:
        rows = session.execute(select(Movie.movie_id, Movie.imdb_id, Movie.tmdb_id))
        return {movie_id: (imdb_id, tmdb_id) for movie_id, imdb_id, tmdb_id in rows}


def stored_tags(database: Database) -> dict[tuple[int, str], int]:
    with database.transaction(writes=False) as session:
        rows = session.execute(select(MovieTag.movie_id, Tag.tag_name, MovieTag.tag_count).join(Tag))
        return {(movie_id, name): count for movie_id, name, count in rows}


def test_links_and_counted_tags_are_loaded(database: Database, folder: Path) -> None:
    report = load_folder(folder, database)

    assert (report.links, report.tags) == (Counts(read=2, added=2), Counts(read=5, added=5))
    assert stored_links(database) == {1: ("tt0114709", 862), 2: ("tt0113277", 949)}
    # The most frequent spelling is the name.
    assert stored_tags(database) == {(1, "pixar"): 3, (1, "fun"): 1, (2, "crime"): 1}


def test_a_second_run_changes_nothing(database: Database, folder: Path) -> None:
    load_folder(folder, database)

    report = load_folder(folder, database)

    assert (report.links, report.tags) == (Counts(read=2, unchanged=2), Counts(read=5, unchanged=5))
    with database.transaction(writes=False) as session:
        assert len(session.scalars(select(Ingestion.ingestion_id)).all()) == 1


def test_a_later_source_replaces_links_and_counts(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    write_with_links_and_tags(folder, ("1,0114709,", "2,0113277,949"), ("5,1,PIXAR,0", "9,2,pixar,0"))

    report = load_folder(folder, database)

    assert (report.links, report.tags) == (Counts(2, updated=1, unchanged=1), Counts(2, added=1, updated=1))
    assert stored_links(database) == {1: ("tt0114709", None), 2: ("tt0113277", 949)}
    assert stored_tags(database) == {(1, "pixar"): 1, (1, "fun"): 1, (2, "crime"): 1, (2, "pixar"): 1}


def test_a_source_without_links_keeps_those_of_an_earlier_one(database: Database, folder: Path) -> None:
    load_folder(folder, database)
    folder.joinpath("links.csv").unlink()
    write_source(folder, movies=["1,Toy Story (1996),Comedy"])

    load_folder(folder, database)

    assert stored_links(database)[1] == ("tt0114709", 862)


def test_links_and_tags_of_unknown_movies_are_rejected(database: Database, folder: Path) -> None:
    rejected: list[Rejected] = []
    write_with_links_and_tags(folder, (*LINKS, "9,1,1"), (*TAGS, "5,9,fun,0"))

    report = load_folder(folder, database, on_reject=rejected.append)

    assert (report.links.rejected, report.tags.rejected) == (1, 1)
    assert rejected == [
        Rejected("links.csv", 4, "movie 9 is not in the catalogue"),
        Rejected("tags.csv", 7, "movie 9 is not in the catalogue"),
    ]


def test_tags_may_contain_any_text(database: Database, folder: Path) -> None:
    tags = ("Amélie's, \u201ccafé\u201d", 'say "hi"', "NULL", "\\N", "🎬", "\ufdfa" * 400)
    quoted = (f'5,1,"{tag.replace(chr(34), chr(34) * 2)}",0' for tag in tags)
    write_with_links_and_tags(folder, LINKS, tuple(quoted))

    load_folder(folder, database)

    assert {name for _, name in stored_tags(database)} == set(tags)


@for_each(
    ("spelling", "other"),
    [("Sci-Fi", "sci-fi"), ("Amélie", "amelie"), ("film  noir", "Film Noir"), ("don\u2019t", "don't")],
)
def test_spellings_of_a_tag_are_the_same_tag(spelling: str, other: str) -> None:
    assert tag_writer.make_key(spelling) == tag_writer.make_key(other)
