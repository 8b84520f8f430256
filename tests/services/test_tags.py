"""Tags of movies."""

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.errors import MovieNotFound
from server.models import MovieTag, Tag
from server.schemas.base import Paging
from server.schemas.tags import TagQuery
from server.services.tags import TagService
from tests.support.tables import for_each, for_each_in

TAGS = [(1, "time travel"), (2, "Time loop"), (3, "100%"), (4, "café"), (5, "unused")]
MOVIE_TAGS = [(1, 1, 2), (2, 1, 1), (3, 1, 5), (3, 2, 9), (3, 4, 5), (4, 3, 1)]


@pytest.fixture
def services(catalogues: dict[str, Database], sessions: dict[str, Session]) -> dict[str, TagService]:
    """Return the service of the tags of the twelve films on each kind of database."""
    return {kind: tags_of(sessions[kind]) for kind in catalogues}


on_each_database = for_each_in("services", "tags")


def tags_of(session: Session) -> TagService:
    rows = [{"tag_id": tag, "tag_name": name, "tag_key": name.lower().replace("é", "e")} for tag, name in TAGS]
    session.execute(insert(Tag), rows)
    counted = [{"movie_id": movie, "tag_id": tag, "tag_count": count} for movie, tag, count in MOVIE_TAGS]
    session.execute(insert(MovieTag), counted)
    return TagService(session)


@on_each_database
@for_each(
    ("prefix", "found"),
    [
        (None, [("time travel", 3), ("100%", 1), ("Time loop", 1), ("café", 1)]),
        ("", [("time travel", 3), ("100%", 1), ("Time loop", 1), ("café", 1)]),
        ("TIME", [("time travel", 3), ("Time loop", 1)]),
        ("caf\u00e9", [("café", 1)]),
        ("100%", [("100%", 1)]),
        ("%", []),
        ("_ime", []),
        ("\U0010ffff", []),
    ],
)
def test_tags_are_found_by_their_beginning(tags: TagService, prefix: str | None, found: list[tuple[str, int]]) -> None:
    page = tags.list_tags(TagQuery(prefix=prefix))

    assert [(tag.tag_name, tag.total_movies) for tag in page.tags] == found
    assert page.total == len(found)


@on_each_database
def test_tags_come_in_pages(tags: TagService) -> None:
    page = tags.list_tags(TagQuery(limit=1, page=2))

    assert ([tag.tag_name for tag in page.tags], page.total) == (["100%"], 4)


@on_each_database
def test_the_tags_of_a_movie_come_with_their_counts(tags: TagService) -> None:
    page = tags.list_movie_tags(3, Paging())

    assert [(tag.tag_name, tag.count) for tag in page.tags] == [("Time loop", 9), ("café", 5), ("time travel", 5)]
    assert page.total == 3


@on_each_database
def test_a_movie_without_tags_has_an_empty_page(tags: TagService) -> None:
    assert tags.list_movie_tags(12, Paging()).tags == []


@on_each_database
def test_an_unknown_movie_is_named(tags: TagService) -> None:
    with pytest.raises(MovieNotFound, match="999"):
        tags.list_movie_tags(999, Paging())
