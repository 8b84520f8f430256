"""Versions of the catalogue: ingestions, and what searches keep of each."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.models.base import Base, BigId, UnixTime


class Ingestion(Base):
    """An ingestion that changed data. The newest id is the version of the catalogue."""

    __tablename__ = "ingestions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    ingestion_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str] = mapped_column(String)
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    finished_at: Mapped[datetime] = mapped_column(UnixTime)


class StoredIndex(Base):
    """The search index of a catalogue version, which saves a starting process from building it."""

    __tablename__ = "stored_indexes"

    ingestion_id: Mapped[int] = mapped_column(BigId, ForeignKey(Ingestion.ingestion_id), primary_key=True)
    layout: Mapped[int]
    content: Mapped[bytes]


class PopularitySnapshot(Base):
    """The numbers of ratings in the ranking of searches, the same for all processes. There is at most one row."""

    __tablename__ = "popularity_snapshots"

    snapshot_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    """The version. A process that has another one reads the row."""
    ingestion_id: Mapped[int] = mapped_column(BigId)
    """The version of the catalogue, 0 before the first ingestion."""
    total_ratings: Mapped[int] = mapped_column(BigInteger)
    taken_at: Mapped[datetime] = mapped_column(UnixTime)
    content: Mapped[bytes]
