"""Load a source into the database: one transaction, every row counted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from server.backend.database import Database
from server.backend.prefetch import prefetch
from server.etl.load.movie_writer import MovieWriter
from server.etl.load.rating_writer import RatingWriter
from server.etl.movielens.batches import RatingBatch, Rejected
from server.etl.movielens.source import MovieLensSource
from server.models import Ingestion, Movie


class Progress(NamedTuple):
    """A step of a load: its stage, and the bytes and ratings read in this step."""

    stage: str
    bytes_read: int = 0
    ratings: int = 0


OnProgress = Callable[[Progress], None]
OnReject = Callable[[Rejected], None]


@dataclass(frozen=True, slots=True)
class Counts:
    """The outcome of the rows of a file: ``read == added + updated + unchanged + rejected``."""

    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    """Rows that the database already has, or has a newer value for."""
    rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.read + other.read,
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.rejected + other.rejected,
        )

    @property
    def changed(self) -> int:
        """The number of rows that changed the database."""
        return self.added + self.updated


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The outcome of a load."""

    movies: Counts = field(default_factory=Counts)
    ratings: Counts = field(default_factory=Counts)
    users_added: int = 0


def load(
    source: MovieLensSource,
    database: Database,
    *,
    name: str,
    on_progress: OnProgress = lambda _progress: None,
    on_reject: OnReject = lambda _rejected: None,
) -> LoadReport:
    """Load a source completely or, on any failure, not at all. `name` is recorded with the ingestion.

    A rating replaces the stored one if it is newer, or if it has the same time and another value. Newer ratings from
    the API stay. `on_progress` receives each batch, `on_reject` each rejected row.
    """
    with database.bulk_transaction() as session:
        _block_writers(session)
        movies = _load_movies(source, session, on_progress, on_reject)
        ratings, users_added = _load_ratings(source, session, on_progress, on_reject)
        report = LoadReport(movies, ratings, users_added)
        if report.movies.changed or report.ratings.changed:
            _record_ingestion(session, name, report)
    return report


def _block_writers(session: Session) -> None:
    """Block other writers of ratings and users until the load ends, which counts statistics and sets the user id.

    On SQLite the transaction itself blocks them. Neither database blocks readers.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE movie_statistics, ratings, users IN EXCLUSIVE MODE"))


def _load_movies(source: MovieLensSource, session: Session, on_progress: OnProgress, on_reject: OnReject) -> Counts:
    writer = MovieWriter(session)
    counts = Counts()
    for batch in source.movies():
        _report(batch.rejected, on_reject)
        added, updated = writer.write(batch.movies)
        unchanged = len(batch.movies) - added - updated
        counts += Counts(batch.read, added, updated, unchanged, len(batch.rejected))
        on_progress(Progress("loading movies", batch.bytes_read))
    return counts


def _load_ratings(
    source: MovieLensSource, session: Session, on_progress: OnProgress, on_reject: OnReject
) -> tuple[Counts, int]:
    """Load the ratings, and return their counts and the number of new users."""
    movie_ids = np.array(session.scalars(select(Movie.movie_id).order_by(Movie.movie_id)).all(), np.int64)
    writer = RatingWriter(session, movie_ids)
    read = rejected = 0
    for batch in prefetch(source.ratings()):
        frame, unknown = _split_unknown(batch, movie_ids, source.ratings_file)
        _report([*batch.rejected, *unknown], on_reject)
        read, rejected = read + batch.read, rejected + len(batch.rejected) + len(unknown)
        writer.write(frame)
        on_progress(Progress("loading ratings", batch.bytes_read, ratings=batch.read))
    on_progress(Progress("building keys"))
    changed = writer.finish()
    unchanged = read - rejected - changed.added - changed.updated
    return Counts(read, changed.added, changed.updated, unchanged, rejected), changed.users_added


def _split_unknown(batch: RatingBatch, movie_ids: NDArray[np.int64], file: str) -> tuple[pl.DataFrame, list[Rejected]]:
    is_known = pl.Series(np.isin(batch.frame["movie_id"].to_numpy(), movie_ids))
    if is_known.all():
        return batch.frame, []
    unknown = batch.frame.filter(~is_known).select("line", "movie_id").iter_rows()
    rejected = [Rejected(file, line, f"movie {movie_id} is not in the catalogue") for line, movie_id in unknown]
    return batch.frame.filter(is_known), rejected


def _report(rejected: Iterable[Rejected], on_reject: OnReject) -> None:
    for reject in rejected:
        on_reject(reject)


def _record_ingestion(session: Session, name: str, report: LoadReport) -> None:
    counts = {
        "movies_added": report.movies.added,
        "movies_updated": report.movies.updated,
        "ratings_added": report.ratings.added,
        "ratings_updated": report.ratings.updated,
        "users_added": report.users_added,
    }
    session.execute(insert(Ingestion).values(source=name, counts=counts, finished_at=datetime.now(UTC)))
