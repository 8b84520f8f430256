"""Write ratings to the database: append them while new users arrive in ascending order, and merge all others."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import Double, case, cast, func, select, union_all, update
from sqlalchemy.orm import Session

from server.etl.load.append import Appender, PostgresAppender, SqliteAppender
from server.etl.load.merge import Changed, Staging
from server.etl.load.withdrawn import WithdrawnRatings
from server.models import DeletedUser, MovieStatistics, Rating, User

KEY = ["user_id", "movie_id"]

MOVIES_PER_FRAME = 50_000
"""The statistics of this many movies are added at a time."""
STEPS = 10
"""Ratings are half stars from one to ten."""


class RatingWriter:
    """Writes ratings, their users and the statistics of movies, in a transaction that blocks other writers.

    MovieLens files are sorted by user. Ratings of users after the last one with ratings need no comparison and are
    appended in bulk. The first other user switches to merging for the rest of the load.
    """

    def __init__(self, session: Session, movie_ids: NDArray[np.int64]) -> None:
        self.session = session
        self._appender = _open_appender(session)
        self._staging: Staging | None = None
        self._withdrawn = WithdrawnRatings(session)
        self._tally = Tally(movie_ids)
        self._held_back: pl.DataFrame | None = None
        self._changed = Changed()

    def write(self, frame: pl.DataFrame) -> None:
        """Write the frame of a batch. Of duplicates, the newest rating counts, or the last line.

        Ratings that their user withdrew are left out. The last user's ratings are held back, because the next frame
        may contain more of them.
        """
        frame = self._withdrawn.drop_from(frame)
        if frame.is_empty():
            return
        if self._held_back is not None:
            frame = pl.concat([self._held_back, frame])
        frame = _newest_only(frame)
        is_complete = frame["user_id"] != frame["user_id"][-1]
        self._held_back = frame.filter(~is_complete)
        self._write(frame.filter(is_complete))

    def finish(self) -> Changed:
        """Write the held-back ratings, the keys and the statistics. Return all changes since the beginning."""
        if self._held_back is not None:
            self._write(self._held_back)
        if self._appender is not None:
            self._appender.close()
            for frame in self._tally.frames():
                self._appender.add_to_statistics(frame)
        elif self._changed.added or self._changed.updated:
            _recount_statistics(self.session)
        if self._changed.users_added:
            _move_user_sequence(self.session)
        return self._changed

    def _write(self, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        if self._appender is not None and frame["user_id"][0] <= self._appender.last_user:
            self._appender.close()
            self._appender = None
        if self._appender is None:
            self._changed += self._merge(frame)
        else:
            self._tally.add(frame)
            self._changed += Changed(added=frame.height, users_added=self._appender.add(frame))

    def _merge(self, frame: pl.DataFrame) -> Changed:
        self._staging = self._staging or Staging(self.session)
        return self._staging.merge(frame)


class Tally:
    """The number, sum and histogram of the appended ratings of each movie."""

    def __init__(self, movie_ids: NDArray[np.int64]) -> None:
        self.movie_ids = movie_ids
        """Ascending."""
        self.histograms = np.zeros((movie_ids.size, STEPS), np.int32)
        """Movies by ratings of half a star, of one star, and so on."""

    def add(self, frame: pl.DataFrame) -> None:
        """Count ratings of these movies."""
        movies = np.searchsorted(self.movie_ids, frame["movie_id"].to_numpy())
        steps = (frame["rating"].to_numpy() * 2).astype(np.int64) - 1
        # A table of all movies for each frame would take longer than the frame.
        np.add.at(self.histograms, (movies, steps), np.int32(1))

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield ``movie_id`` and the columns of the statistics, of the movies with ratings, some of them at a time."""
        for start in range(0, self.movie_ids.size, MOVIES_PER_FRAME):
            part = slice(start, start + MOVIES_PER_FRAME)
            yield self._as_frame(self.movie_ids[part], self.histograms[part].astype(np.int64))

    def _as_frame(self, movie_ids: NDArray[np.int64], histograms: NDArray[np.int64]) -> pl.DataFrame:
        sums = histograms @ (np.arange(1, STEPS + 1) / 2)
        columns = {"movie_id": movie_ids, "rating_count": histograms.sum(axis=1), "rating_sum": sums}
        histogram = {column.key: histograms[:, step] for step, column in enumerate(MovieStatistics.histogram())}
        return pl.DataFrame(columns | histogram).filter(pl.col("rating_count") > 0)


def _open_appender(session: Session) -> Appender | None:
    if session.get_bind().dialect.name == "sqlite":
        return SqliteAppender(session)
    return PostgresAppender(session) if PostgresAppender.is_possible(session) else None


def _newest_only(frame: pl.DataFrame) -> pl.DataFrame:
    """Sort by user and movie, and keep the newest of duplicates, or the last line of the same second."""
    users, movies = (np.diff(frame[name].to_numpy()) for name in KEY)
    if ((users > 0) | ((users == 0) & (movies > 0))).all():
        return frame
    return frame.sort(*KEY, "rated_at", "line").unique(KEY, keep="last", maintain_order=True)


def _recount_statistics(session: Session) -> None:
    # PostgreSQL sums single-precision numbers in single precision, which is not exact.
    counted = (
        select(
            Rating.movie_id,
            func.count().label("rating_count"),
            func.sum(cast(Rating.rating, Double)).label("rating_sum"),
            *(
                func.sum(case((Rating.rating == (step + 1) / 2, 1), else_=0)).label(column.key)
                for step, column in enumerate(MovieStatistics.histogram())
            ),
        )
        .group_by(Rating.movie_id)
        .subquery()
    )
    session.execute(
        update(MovieStatistics)
        .where(MovieStatistics.movie_id == counted.c.movie_id)
        .values({column.key: column for column in counted.c if column.key != "movie_id"})
    )


def _move_user_sequence(session: Session) -> None:
    """Advance the sequence past the ids of the source. SQLite advances its own."""
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(User.__tablename__, User.user_id.name)
        used = union_all(select(User.user_id), select(DeletedUser.user_id)).subquery()
        session.execute(select(func.setval(sequence, func.max(used.c.user_id))))
