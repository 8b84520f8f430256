"""Count the tags of movies in a temporary table, and write the counts to the database."""

import polars as pl
from sqlalchemy import text
from sqlalchemy.orm import Session

from server.etl.load.merge import insert_rows
from server.search.folding import fold

LONGEST_KEY = 500
_COLUMNS = ("movie_id", "tag_key", "tag_name", "uses")

CREATE = """
CREATE TEMPORARY TABLE staged_tags
(movie_id bigint NOT NULL, tag_key text{collation} NOT NULL, tag_name text{collation} NOT NULL, uses bigint NOT NULL)
"""
# The most frequent spelling of a new tag becomes its name.
ADD_TAGS = """
INSERT INTO tags (tag_name, tag_key)
SELECT tag_name, tag_key FROM
(
    SELECT tag_name, tag_key, row_number() OVER (PARTITION BY tag_key ORDER BY sum(uses) DESC, tag_name) AS place
    FROM staged_tags GROUP BY tag_key, tag_name
) AS spellings
WHERE place = 1 AND NOT EXISTS (SELECT 1 FROM tags WHERE tags.tag_key = spellings.tag_key)
ORDER BY tag_key
"""
CREATE_COUNTS = """
CREATE TEMPORARY TABLE staged_counts AS
SELECT staged_tags.movie_id, tags.tag_id, CAST(sum(uses) AS bigint) AS uses
FROM staged_tags JOIN tags USING (tag_key) GROUP BY staged_tags.movie_id, tags.tag_id
"""
COUNT_CHANGES = """
SELECT coalesce(sum(CASE WHEN movie_tags.tag_id IS NULL THEN uses END), 0),
       coalesce(sum(CASE WHEN movie_tags.tag_count <> uses THEN uses END), 0)
FROM staged_counts LEFT JOIN movie_tags
ON movie_tags.movie_id = staged_counts.movie_id AND movie_tags.tag_id = staged_counts.tag_id
"""
# "WHERE true" keeps SQLite from parsing ON CONFLICT as the ON of a join.
WRITE_COUNTS = """
INSERT INTO movie_tags (movie_id, tag_id, tag_count) SELECT movie_id, tag_id, uses FROM staged_counts WHERE true
ON CONFLICT (movie_id, tag_id) DO UPDATE SET tag_count = excluded.tag_count
WHERE movie_tags.tag_count <> excluded.tag_count
"""


class TagWriter:
    """Writes tags in a transaction. The counts of a source replace those of earlier sources for the same movie and tag.

    The temporary table keeps memory bounded at any number of tags.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        is_postgresql = session.get_bind().dialect.name == "postgresql"
        self._drop()
        self._execute(CREATE.format(collation=' COLLATE "C"' if is_postgresql else ""))
        if not is_postgresql:
            # SQLite sorts in as much memory as its cache.
            self._execute("PRAGMA cache_size = -8000")

    def add(self, frame: pl.DataFrame) -> None:
        """Count the tags of a frame with the columns ``movie_id`` and ``tag``."""
        uses = frame.group_by("movie_id", "tag", maintain_order=True).agg(uses=pl.len().cast(pl.Int64))
        names = uses["tag"].unique()
        keys = pl.DataFrame({"tag": names, "tag_key": [make_key(name) for name in names]})
        staged = uses.join(keys, on="tag", maintain_order="left").rename({"tag": "tag_name"}).select(_COLUMNS)
        insert_rows(self._session, "staged_tags", staged)

    def finish(self) -> tuple[int, int]:
        """Write the counts. Return the number of rows of the source behind new and behind changed counts."""
        self._execute(ADD_TAGS)
        self._execute(CREATE_COUNTS)
        added, updated = self._session.execute(text(COUNT_CHANGES)).one()
        self._execute(WRITE_COUNTS)
        self._drop()
        return int(added), int(updated)

    def _drop(self) -> None:
        self._execute("DROP TABLE IF EXISTS staged_tags")
        self._execute("DROP TABLE IF EXISTS staged_counts")

    def _execute(self, statement: str) -> None:
        self._session.execute(text(statement))


def make_key(name: str) -> str:
    """Return the key under which spellings of a tag are the same. A tag of signs or accents alone is its own key."""
    return (" ".join(fold(name).split()) or name)[:LONGEST_KEY]
