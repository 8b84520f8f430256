"""Batches of a source into the database: one transaction, every row counted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import Double, cast, func, insert, select, text, update
from sqlalchemy.orm import Session

from server.backend.session import Database
from server.etl.batches import RatingBatch, Rejected
from server.etl.catalogue import CatalogueWriter
from server.etl.movielens import MovieLensSource
from server.etl.staging import Staging
from server.models import Ingestion, Movie, MovieStatistics, Rating, User

OnProgress = Callable[[int], None]
OnReject = Callable[[Rejected], None]


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows of a file: ``read == added + updated + unchanged + rejected``."""

    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    """Rows the database held already, or held something newer for."""
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
        """Rows that changed something."""
        return self.added + self.updated


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What an ingestion did."""

    movies: Counts = field(default_factory=Counts)
    ratings: Counts = field(default_factory=Counts)
    users_added: int = 0


def load(
    source: MovieLensSource,
    database: Database,
    *,
    name: str,
    on_progress: OnProgress = lambda _bytes: None,
    on_reject: OnReject = lambda _rejected: None,
) -> LoadReport:
    """Load a source, all of it or, on any failure, nothing; `name` is noted with the ingestion.

    A rating replaces the one the database holds when it is newer, or says otherwise about the same second: ratings
    posted through the API stay. `on_progress` is told the bytes of each batch, `on_reject` every row that is
    of no use.
    """
    with database.transaction(writes=True) as session:
        _lock_out_writers(session)
        report = LoadReport(movies=_load_movies(source, session, on_progress, on_reject))
        report = _load_ratings(source, session, report, on_progress, on_reject)
        if report.ratings.changed:
            _recount_statistics(session)
        if report.users_added:
            _move_user_sequence(session)
        if report.movies.changed or report.ratings.changed:
            _note_ingestion(session, name, report)
    return report


def _lock_out_writers(session: Session) -> None:
    """Let nobody else change ratings or users until the end: statistics are counted there, and user ids moved on.

    On SQLite the transaction itself does so. Readers are not held up on either.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE movie_statistics, ratings, users IN EXCLUSIVE MODE"))


def _load_movies(source: MovieLensSource, session: Session, on_progress: OnProgress, on_reject: OnReject) -> Counts:
    writer = CatalogueWriter(session)
    counts = Counts()
    for batch in source.movies():
        _report(batch.rejected, on_reject)
        added, updated = writer.write(batch.movies)
        unchanged = len(batch.movies) - added - updated
        counts += Counts(batch.read, added, updated, unchanged, len(batch.rejected))
        on_progress(batch.bytes_read)
    return counts


def _load_ratings(
    source: MovieLensSource,
    session: Session,
    report: LoadReport,
    on_progress: OnProgress,
    on_reject: OnReject,
) -> LoadReport:
    staging = Staging(session)
    known_movies = pl.Series(session.scalars(select(Movie.movie_id)), dtype=pl.Int64)
    for batch in source.ratings():
        frame, unknown = _split_unknown(batch, known_movies, source.ratings_file)
        _report([*batch.rejected, *unknown], on_reject)
        merged = staging.merge(_newest_only(frame))
        rejected = len(batch.rejected) + len(unknown)
        unchanged = batch.read - rejected - merged.added - merged.updated
        report = replace(
            report,
            ratings=report.ratings + Counts(batch.read, merged.added, merged.updated, unchanged, rejected),
            users_added=report.users_added + merged.users_added,
        )
        on_progress(batch.bytes_read)
    return report


def _split_unknown(batch: RatingBatch, known_movies: pl.Series, file: str) -> tuple[pl.DataFrame, list[Rejected]]:
    is_known = batch.frame["movie_id"].is_in(known_movies.implode())
    if is_known.all():
        return batch.frame, []
    strangers = batch.frame.filter(~is_known).select("line", "movie_id").iter_rows()
    rejected = [Rejected(file, line, f"movie {movie_id} is in no movies file") for line, movie_id in strangers]
    return batch.frame.filter(is_known), rejected


def _newest_only(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep a user's newest rating of a movie; of two at the same second, the later line."""
    key = ["user_id", "movie_id"]
    if frame.select(pl.struct(key).is_duplicated().any()).item():
        frame = frame.sort("rated_at", "line").unique(key, keep="last", maintain_order=True)
    return frame


def _report(rejected: Iterable[Rejected], on_reject: OnReject) -> None:
    for reject in rejected:
        on_reject(reject)


def _recount_statistics(session: Session) -> None:
    # Summed as doubles: PostgreSQL would add single-precision numbers up in single precision.
    counted = (
        select(
            Rating.movie_id,
            func.count().label("rating_count"),
            func.sum(cast(Rating.rating, Double)).label("rating_sum"),
        )
        .group_by(Rating.movie_id)
        .subquery()
    )
    session.execute(
        update(MovieStatistics)
        .where(MovieStatistics.movie_id == counted.c.movie_id)
        .values(rating_count=counted.c.rating_count, rating_sum=counted.c.rating_sum)
    )


def _move_user_sequence(session: Session) -> None:
    """Let the next new user come after the source's; SQLite keeps count by itself."""
    if session.get_bind().dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(User.__tablename__, User.user_id.name)
        session.execute(select(func.setval(sequence, func.max(User.user_id))).select_from(User))


def _note_ingestion(session: Session, name: str, report: LoadReport) -> None:
    counts = {
        "movies_added": report.movies.added,
        "movies_updated": report.movies.updated,
        "ratings_added": report.ratings.added,
        "ratings_updated": report.ratings.updated,
        "users_added": report.users_added,
    }
    session.execute(insert(Ingestion).values(source=name, counts=counts, finished_at=datetime.now(UTC)))
