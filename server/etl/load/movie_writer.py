"""Write new and changed movies to the database."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Select, any_, delete, func, insert, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from server.backend.database import driver_connection
from server.etl.movielens.batches import SourceMovie
from server.models import AlternativeTitle, Base, Genre, Movie, MovieGenre, MovieStatistics

# SQLite allows at most 32,766 parameters in a statement.
MOVIES_PER_QUERY = 10_000


class _Stored(NamedTuple):
    """The stored fields of a movie."""

    title: str
    sort_title: str
    year: int | None
    source_title: str
    alternative_titles: tuple[str, ...]
    genres: frozenset[str]


def is_one_of(session: Session, column: InstrumentedAttribute[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """Return the condition that a column has one of some ids, which are one parameter.

    SQLite's driver keeps the statements of each number of parameters, which took 85 MB for a million movies
    (`python -m benchmarks.catalogue_size`, row "ingestion").
    """
    if session.get_bind().dialect.name == "sqlite":
        return column.in_(select(func.json_each(json.dumps(ids)).table_valued("value").c.value))
    return column == any_(literal(ids, ARRAY(BigInteger)))


class MovieWriter:
    """Writes movies in a transaction."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._genre_ids = dict(session.execute(select(Genre.genre_name, Genre.genre_id)).all())
        self._spellings = {name.casefold(): name for name in self._genre_ids}

    def write(self, movies: Sequence[SourceMovie]) -> tuple[int, int]:
        """Insert and update movies without duplicates, and return the number of each."""
        added = updated = 0
        for start in range(0, len(movies), MOVIES_PER_QUERY):
            wanted = {movie.movie_id: self._as_stored(movie) for movie in movies[start : start + MOVIES_PER_QUERY]}
            stored = self._read(list(wanted))
            new = {movie_id: movie for movie_id, movie in wanted.items() if movie_id not in stored}
            changed = {movie_id: movie for movie_id, movie in wanted.items() if stored.get(movie_id, movie) != movie}
            self._insert(new)
            self._replace(changed)
            added, updated = added + len(new), updated + len(changed)
        return added, updated

    def _as_stored(self, movie: SourceMovie) -> _Stored:
        """Return the fields of a movie. Genres that differ only in case take the spelling of the first one."""
        title = movie.title
        return _Stored(
            title.title,
            title.sort_title,
            title.year,
            movie.source_title,
            title.alternative_titles,
            frozenset(self._spellings.setdefault(genre.casefold(), genre) for genre in movie.genres),
        )

    def _read(self, movie_ids: list[int]) -> dict[int, _Stored]:
        titles = self._list_texts(
            select(AlternativeTitle.movie_id, AlternativeTitle.title)
            .where(is_one_of(self.session, AlternativeTitle.movie_id, movie_ids))
            .order_by(AlternativeTitle.position)
        )
        genres = self._list_texts(
            select(MovieGenre.movie_id, Genre.genre_name)
            .join(Genre)
            .where(is_one_of(self.session, MovieGenre.movie_id, movie_ids))
        )
        rows = self.session.scalars(select(Movie).where(is_one_of(self.session, Movie.movie_id, movie_ids)))
        return {
            movie.movie_id: _Stored(
                movie.title,
                movie.sort_title,
                movie.year,
                movie.source_title,
                tuple(titles[movie.movie_id]),
                frozenset(genres[movie.movie_id]),
            )
            for movie in rows
        }

    def _list_texts(self, statement: Select[int, str]) -> dict[int, list[str]]:
        texts: dict[int, list[str]] = defaultdict(list)
        for movie_id, value in self.session.execute(statement):
            texts[movie_id].append(value)
        return texts

    def _insert(self, movies: dict[int, _Stored]) -> None:
        self._insert_rows(Movie, [{"movie_id": movie_id, **_columns(movie)} for movie_id, movie in movies.items()])
        self._insert_rows(
            MovieStatistics,
            [{"movie_id": movie_id, "rating_count": 0, "rating_sum": 0.0} for movie_id in movies],
        )
        self._insert_details(movies)

    def _replace(self, movies: dict[int, _Stored]) -> None:
        for movie_id, movie in movies.items():
            self.session.execute(update(Movie).where(Movie.movie_id == movie_id).values(_columns(movie)))
        for detail in (AlternativeTitle, MovieGenre):
            self.session.execute(delete(detail).where(is_one_of(self.session, detail.movie_id, list(movies))))
        self._insert_details(movies)

    def _insert_details(self, movies: dict[int, _Stored]) -> None:
        titles = [
            {"movie_id": movie_id, "position": position, "title": title}
            for movie_id, movie in movies.items()
            for position, title in enumerate(movie.alternative_titles)
        ]
        genres = [
            {"movie_id": movie_id, "genre_id": self._genre_id(genre)}
            for movie_id, movie in movies.items()
            for genre in sorted(movie.genres)
        ]
        self._insert_rows(AlternativeTitle, titles)
        self._insert_rows(MovieGenre, genres)

    def _insert_rows(self, table: type[Base], rows: list[dict[str, Any]]) -> None:
        # The drivers' own bulk inserts: SQLAlchemy takes longer for a large catalogue than either database.
        if not rows:
            return
        driver, columns = driver_connection(self.session), ", ".join(rows[0])
        values = [tuple(row.values()) for row in rows]
        if self.session.get_bind().dialect.name == "sqlite":
            marks = ", ".join("?" * len(rows[0]))
            driver.executemany(f"INSERT INTO {table.__tablename__} ({columns}) VALUES ({marks})", values)  # noqa: S608 (constant names)
            return
        with driver.cursor().copy(f"COPY {table.__tablename__} ({columns}) FROM STDIN") as copy:
            for row in values:
                copy.write_row(row)

    def _genre_id(self, name: str) -> int:
        if name not in self._genre_ids:
            statement = insert(Genre).values(genre_name=name).returning(Genre.genre_id)
            self._genre_ids[name] = self.session.execute(statement).scalar_one()
        return self._genre_ids[name]


def _columns(movie: _Stored) -> dict[str, Any]:
    return {
        "title": movie.title,
        "sort_title": movie.sort_title,
        "year": movie.year,
        "source_title": movie.source_title,
    }
