"""The popularity in the ranking of searches: a snapshot in the database that all processes share.

If each process ranked by the ratings of the moment at which it started, two of them would order the same hits
differently. So one process at a time stores a snapshot with a version, and all rank by that.
"""

import logging
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import NamedTuple

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from server.backend.announcements import announce_change
from server.backend.database import Database
from server.models import Ingestion, MovieStatistics, PopularitySnapshot
from server.search.popularity import Popularity
from server.services.base import BaseDataManager

logger = logging.getLogger(__name__)

SNAPSHOT_INTERVAL = timedelta(minutes=1)
"""A snapshot is replaced at most this often, and only if the number of ratings has changed."""


class SnapshotHeader(NamedTuple):
    """Version and origin of a snapshot."""

    version: int
    ingestion_id: int
    total_ratings: int
    taken_at: datetime


def take_snapshot(database: Database, *, min_age: timedelta = timedelta(0), is_damaged: bool = False) -> None:
    """Store a snapshot of the popularity if the ratings or the catalogue have changed since the stored one.

    A snapshot younger than ``min_age`` is kept unless there is another catalogue, or it is damaged.
    """
    with database.transaction(writes=False) as session:
        manager = PopularityDataManager(session)
        stored, current = manager.find_header(), manager.get_current_header()
        is_current = stored is not None and not is_damaged and not _is_due(stored, current, min_age)
        if is_current or not current.ingestion_id:
            return
        popularity = manager.count_ratings()
    header = current._replace(version=stored.version + 1 if stored else 1)
    try:
        with database.transaction(writes=True) as session:
            PopularityDataManager(session).replace_snapshot(header, popularity)
    except IntegrityError:
        logger.info("another process has stored a snapshot of the popularity first")


def _is_due(stored: SnapshotHeader, current: SnapshotHeader, min_age: timedelta) -> bool:
    if stored.ingestion_id != current.ingestion_id:
        return True
    # The clocks of two machines differ: a snapshot of the future is old as well.
    age = abs(current.taken_at - stored.taken_at)
    return age >= min_age and stored.total_ratings != current.total_ratings


class PopularityDataManager(BaseDataManager):
    """SQL queries of the popularity and its snapshot."""

    def find_version(self) -> int | None:
        """Return the version of the snapshot, or None."""
        return self.session.scalar(select(PopularitySnapshot.snapshot_id))

    def find_header(self) -> SnapshotHeader | None:
        """Return the header of the snapshot, or None."""
        row = self.session.execute(
            select(
                PopularitySnapshot.snapshot_id,
                PopularitySnapshot.ingestion_id,
                PopularitySnapshot.total_ratings,
                PopularitySnapshot.taken_at,
            )
        ).one_or_none()
        return SnapshotHeader(*row) if row else None

    def get_current_header(self) -> SnapshotHeader:
        """Return the header of a snapshot of this moment, with version 0."""
        ingestion_id = self.session.scalar(select(func.max(Ingestion.ingestion_id))) or 0
        total = self.session.scalar(select(func.sum(MovieStatistics.rating_count))) or 0
        return SnapshotHeader(0, ingestion_id, int(total), datetime.now(tz=UTC))

    def find_snapshot(self) -> Popularity | None:
        """Return the snapshot, or None if there is none or it is damaged."""
        content = self.session.scalar(select(PopularitySnapshot.content))
        if content is None:
            return None
        try:
            return Popularity.unpack(content)
        except ValueError:
            logger.exception("the stored popularity is damaged; counting the ratings again")
            return None

    def count_ratings(self) -> Popularity:
        """Return the popularity of this moment."""
        movie_id, count = MovieStatistics.movie_id, MovieStatistics.rating_count
        # On the connection: the session would look for entities among the columns of very many rows.
        rows = self.session.connection().execute(select(movie_id, count).order_by(movie_id))
        # Row by row: a million rows as objects take a hundred megabytes.
        numbers = np.fromiter(chain.from_iterable(rows), np.int64)
        return Popularity(*numbers.reshape(-1, 2).T.copy())

    def replace_snapshot(self, header: SnapshotHeader, popularity: Popularity) -> None:
        """Replace the stored snapshot. Raise `IntegrityError` if another process does the same."""
        self.session.execute(delete(PopularitySnapshot).where(PopularitySnapshot.snapshot_id < header.version))
        self.session.add(
            PopularitySnapshot(
                snapshot_id=header.version,
                ingestion_id=header.ingestion_id,
                total_ratings=header.total_ratings,
                taken_at=header.taken_at,
                content=popularity.pack(),
            )
        )
        self.session.flush()
        announce_change(self.session)
