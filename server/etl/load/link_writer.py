"""Write the ids of movies in other databases."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.backend.database import driver_connection
from server.etl.load.movie_writer import MOVIES_PER_QUERY, is_one_of
from server.etl.movielens.batches import SourceLink
from server.models import Movie

_UPDATE_SQLITE = "UPDATE movies SET imdb_id = ?, tmdb_id = ? WHERE movie_id = ?"
_UPDATE_POSTGRES = """
UPDATE movies SET imdb_id = new.imdb_id, tmdb_id = new.tmdb_id
FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) AS new (imdb_id, tmdb_id, movie_id)
WHERE movies.movie_id = new.movie_id
"""


class LinkWriter:
    """Writes links in a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def write(self, links: Sequence[SourceLink]) -> tuple[int, int]:
        """Update the movies of links without duplicates. Return the number of new and of changed links."""
        added = updated = 0
        for start in range(0, len(links), MOVIES_PER_QUERY):
            few = links[start : start + MOVIES_PER_QUERY]
            stored = self._read([link.movie_id for link in few])
            changed = [link for link in few if stored[link.movie_id] != (link.imdb_id, link.tmdb_id)]
            new = sum(stored[link.movie_id] == (None, None) for link in changed)
            self._update(changed)
            added, updated = added + new, updated + len(changed) - new
        return added, updated

    def _read(self, movie_ids: list[int]) -> dict[int, tuple[str | None, int | None]]:
        rows = self._session.execute(
            select(Movie.movie_id, Movie.imdb_id, Movie.tmdb_id).where(
                is_one_of(self._session, Movie.movie_id, movie_ids)
            )
        )
        return {movie_id: (imdb_id, tmdb_id) for movie_id, imdb_id, tmdb_id in rows}

    def _update(self, links: Sequence[SourceLink]) -> None:
        if not links:
            return
        driver = driver_connection(self._session)
        rows = [(link.imdb_id, link.tmdb_id, link.movie_id) for link in links]
        if self._session.get_bind().dialect.name == "sqlite":
            driver.executemany(_UPDATE_SQLITE, rows)
        else:
            driver.execute(_UPDATE_POSTGRES, [list(column) for column in zip(*rows, strict=True)])
