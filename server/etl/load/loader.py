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

from server.backend.announcements import announce_change
from server.backend.database import Database
from server.backend.prefetch import prefetch
from server.command_errors import SourceError
from server.etl.load.link_writer import LinkWriter
from server.etl.load.movie_writer import MovieWriter
from server.etl.load.rating_writer import RatingWriter
from server.etl.load.tag_writer import TagWriter
from server.etl.movielens.batches import FrameBatch, Rejected
from server.etl.movielens.formats import Role
from server.etl.movielens.source import MovieLensSource
from server.models import Ingestion, Movie


class Progress(NamedTuple):
    """A step of a load: its stage, and the bytes and ratings read in this step."""

    stage: str
    bytes_read: int = 0
    ratings: int = 0


OnLoadProgress = Callable[[Progress], None]
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
    """The outcome of a load. The counts of tags are rows of the tags file."""

    movies: Counts = field(default_factory=Counts)
    links: Counts = field(default_factory=Counts)
    ratings: Counts = field(default_factory=Counts)
    tags: Counts = field(default_factory=Counts)
    users_added: int = 0

    @property
    def by_role(self) -> dict[Role, Counts]:
        """The counts of each file."""
        return {Role.MOVIES: self.movies, Role.LINKS: self.links, Role.RATINGS: self.ratings, Role.TAGS: self.tags}


def load(
    source: MovieLensSource,
    database: Database,
    *,
    name: str,
    on_progress: OnLoadProgress = lambda _progress: None,
    on_reject: OnReject = lambda _rejected: None,
) -> LoadReport:
    """Load a source completely or, on any failure, not at all. `name` is recorded with the ingestion.

    A rating replaces the stored one if it is newer, or if it has the same time and another value. Newer ratings from
    the API stay. `on_progress` receives each batch, `on_reject` each rejected row. Raises SourceError if a file of the
    source has no usable row, or if the source has no rows at all.
    """
    with database.bulk_transaction() as session:
        _block_writers(session)
        report = _Load(source, session, on_progress, on_reject).run()
        if all(counts.read == 0 for counts in report.by_role.values()):
            raise SourceError(f"{name} contains no rows.")
        if any(counts.changed for counts in report.by_role.values()):
            _record_ingestion(session, name, report)
    return report


class _Load:
    """The load of a source in a transaction."""

    def __init__(
        self, source: MovieLensSource, session: Session, on_progress: OnLoadProgress, on_reject: OnReject
    ) -> None:
        self._source = source
        self._session = session
        self._on_progress = on_progress
        self._on_reject = on_reject
        self._first_rejected: dict[str, Rejected] = {}

    def run(self) -> LoadReport:
        """Load all files of the source."""
        movies = self._check_usable(self._load_movies(), Role.MOVIES)
        movie_ids = self._read_movie_ids()
        links = self._check_usable(self._load_links(movie_ids), Role.LINKS)
        ratings, users_added = self._load_ratings(movie_ids)
        self._check_usable(ratings, Role.RATINGS)
        tags = self._check_usable(self._load_tags(movie_ids), Role.TAGS)
        return LoadReport(movies, links, ratings, tags, users_added)

    def _load_movies(self) -> Counts:
        writer = MovieWriter(self._session)
        counts = Counts()
        for batch in self._source.movies():
            self._report(batch.rejected)
            added, updated = writer.write(batch.movies)
            counts += _count(batch.read, added, updated, len(batch.rejected))
            self._on_progress(Progress("loading movies", batch.bytes_read))
        return counts

    def _read_movie_ids(self) -> NDArray[np.int64]:
        """Return the ids of all movies in the catalogue, ascending."""
        rows = self._session.connection().execute(select(Movie.movie_id).order_by(Movie.movie_id))
        # Row by row: a million ids as objects take a hundred megabytes.
        return np.fromiter(rows.scalars(), np.int64)

    def _load_links(self, movie_ids: NDArray[np.int64]) -> Counts:
        writer = LinkWriter(self._session)
        counts = Counts()
        for batch in self._source.links():
            is_known = np.isin([link.movie_id for _, link in batch.links], movie_ids).tolist()
            links = list(zip(batch.links, is_known, strict=True))
            unknown = [(line, link.movie_id) for (line, link), known in links if not known]
            rejected = [*batch.rejected, *self._unknown_movies(unknown, Role.LINKS)]
            self._report(rejected)
            added, updated = writer.write([link for (_, link), known in links if known])
            counts += _count(batch.read, added, updated, len(rejected))
            self._on_progress(Progress("loading links", batch.bytes_read))
        return counts

    def _load_ratings(self, movie_ids: NDArray[np.int64]) -> tuple[Counts, int]:
        """Load the ratings, and return their counts and the number of new users."""
        writer: RatingWriter | None = None
        read = rejected = 0
        for batch in prefetch(self._source.ratings()):
            writer = writer or RatingWriter(self._session, movie_ids)
            frame, n_rejected = self._split_known(batch, movie_ids, Role.RATINGS)
            read, rejected = read + batch.read, rejected + n_rejected
            writer.write(frame)
            self._on_progress(Progress("loading ratings", batch.bytes_read, ratings=batch.read))
        if writer is None:
            return Counts(), 0
        self._on_progress(Progress("building keys"))
        changed = writer.finish()
        return _count(read, changed.added, changed.updated, rejected), changed.users_added

    def _load_tags(self, movie_ids: NDArray[np.int64]) -> Counts:
        writer: TagWriter | None = None
        read = rejected = 0
        for batch in prefetch(self._source.tags()):
            writer = writer or TagWriter(self._session)
            frame, n_rejected = self._split_known(batch, movie_ids, Role.TAGS)
            read, rejected = read + batch.read, rejected + n_rejected
            writer.add(frame)
            self._on_progress(Progress("loading tags", batch.bytes_read))
        added, updated = (0, 0) if writer is None else writer.finish()
        return _count(read, added, updated, rejected)

    def _split_known(self, batch: FrameBatch, movie_ids: NDArray[np.int64], role: Role) -> tuple[pl.DataFrame, int]:
        """Return the rows of movies in the catalogue, and the number of rejected rows, which are reported."""
        is_known = pl.Series(np.isin(batch.frame["movie_id"].to_numpy(), movie_ids), dtype=pl.Boolean)
        if is_known.all():
            self._report(batch.rejected)
            return batch.frame, len(batch.rejected)
        unknown = batch.frame.filter(~is_known).select("line", "movie_id").iter_rows()
        rejected = [*batch.rejected, *self._unknown_movies(unknown, role)]
        self._report(rejected)
        return batch.frame.filter(is_known), len(rejected)

    def _unknown_movies(self, rows: Iterable[tuple[int, int]], role: Role) -> list[Rejected]:
        file = self._source.name_of(role)
        return [Rejected(file, line, f"movie {movie_id} is not in the catalogue") for line, movie_id in rows]

    def _report(self, rejected: Iterable[Rejected]) -> None:
        for row in rejected:
            self._first_rejected.setdefault(row.file, row)
            self._on_reject(row)

    def _check_usable(self, counts: Counts, role: Role) -> Counts:
        """Return the counts of a file. Raises SourceError if all its rows are rejected."""
        if counts.read and counts.rejected == counts.read:
            first = self._first_rejected[self._source.name_of(role)]
            raise SourceError(
                f"None of the {counts.read:,} rows of {first.file} is usable, so nothing was loaded. "
                f"Line {first.line}: {first.reason}."
            )
        return counts


def _count(read: int, added: int, updated: int, rejected: int) -> Counts:
    return Counts(read, added, updated, read - added - updated - rejected, rejected)


def _block_writers(session: Session) -> None:
    """Block other writers of ratings and users until the load ends, which counts statistics and sets the user id.

    On SQLite the transaction itself blocks them. Neither database blocks readers.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE movie_statistics, ratings, users IN EXCLUSIVE MODE"))


def _record_ingestion(session: Session, name: str, report: LoadReport) -> None:
    counts = {
        f"{role}_{outcome}": number
        for role, each in report.by_role.items()
        for outcome, number in (("added", each.added), ("updated", each.updated))
    }
    counts["users_added"] = report.users_added
    session.execute(insert(Ingestion).values(source=name, counts=counts, finished_at=datetime.now(UTC)))
    announce_change(session)
