"""Looks at an installation from top to bottom, and says of what is wrong how to remedy it. It changes nothing."""

import secrets
import shutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem
from pydantic import BaseModel
from sqlalchemy import Double, cast, func, or_, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.migrate import SchemaState
from server.backend.model_store import ModelStore
from server.backend.rate_limits import ClientLimits
from server.errors import ArtifactError, MatineeError
from server.models import MovieStatistics, Rating
from server.recommender import artifact
from server.recommender.algorithms.registry import get_algorithm
from server.services.base import BaseDataManager
from server.services.model_versions import ModelVersionDataManager

GIB = 2**30
FREE_BYTES_WARNING = 2 * GIB
FREE_BYTES_NEEDED = GIB // 4


class Health(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(BaseModel):
    """What was looked at, how it is, and what mends it."""

    name: str
    health: Health
    detail: str
    remedy: str | None = None


def examine() -> Iterator[Finding]:
    """Give one finding after another; what depends on something that has failed is not looked at."""
    try:
        settings = Settings.load()
        get_algorithm(settings.algorithm)
        ClientLimits(settings)
        store = ModelStore(settings.model_store)
    except MatineeError as error:
        yield Finding(name="settings", health=Health.FAILED, detail=str(error), remedy="Correct the variable, or .env.")
        return
    yield _ok("settings", f"{settings.sqlalchemy_url!r}, models in {settings.model_store}")
    yield from _examine_space(settings, store)
    yield _examine_store(store)
    yield from _examine_database(settings, store)


def _ok(name: str, detail: str) -> Finding:
    return Finding(name=name, health=Health.OK, detail=detail)


def _examine_space(settings: Settings, store: ModelStore) -> Iterator[Finding]:
    """Look at the disks that we know of: those of the database file and of a model store that is a folder."""
    folders = {} if settings.sqlite_file is None else {"space for the database": settings.sqlite_file.parent}
    if isinstance(store.file_system, LocalFileSystem):
        folders["space for models"] = Path(store.root)
    for name, folder in folders.items():
        existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(existing).free
        enough = Health.WARNING if free >= FREE_BYTES_NEEDED else Health.FAILED
        yield Finding(
            name=name,
            health=Health.OK if free >= FREE_BYTES_WARNING else enough,
            detail=f"{free / GIB:.1f} GiB free at {existing}",
            remedy=None
            if free >= FREE_BYTES_WARNING
            else "Make room: matinee models prune --keep 3 deletes old models.",
        )


def _examine_store(store: ModelStore) -> Finding:
    name, probe = "model store", f"{store.root}/.doctor-{secrets.token_hex(4)}"
    try:
        if not store.file_system.isdir(store.root):
            return Finding(
                name=name, health=Health.WARNING, detail="It is not there yet.", remedy="The first training makes it."
            )
        store.file_system.pipe_file(probe, b"probe")
        store.file_system.rm_file(probe)
        return _ok(name, f"can be read and written, {len(store.list_names())} artifacts")
    except OSError as error:
        detail = f"{store.root} cannot be written: {error.strerror or error}."
        return Finding(name=name, health=Health.FAILED, detail=detail, remedy="Let the user that serves write there.")


def _examine_database(settings: Settings, store: ModelStore) -> Iterator[Finding]:
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        detail = f"There is no file {settings.sqlite_file} yet."
        yield Finding(name="database", health=Health.WARNING, detail=detail, remedy="matinee ingest or serve makes it.")
        return
    database = Database(settings)
    try:
        with database.transaction(writes=False) as session:
            yield DoctorDataManager(session).examine()
        state = schema.find_state(database)
        yield SCHEMA_FINDINGS[state]
        if state is SchemaState.CURRENT:
            with database.transaction(writes=False) as session:
                yield DoctorDataManager(session).compare_statistics()
                yield _examine_live_model(ModelVersionDataManager(session), store)
    except SQLAlchemyError as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        remedy = "Start the database, or correct MATINEE_DATABASE_URL; a damaged file: restore a backup."
        yield Finding(name="database", health=Health.FAILED, detail=f"It cannot be used: {reason}", remedy=remedy)
    finally:
        database.dispose()


SCHEMA_FINDINGS = {
    SchemaState.CURRENT: _ok("schema", "is this release's"),
    SchemaState.EMPTY: Finding(
        name="schema",
        health=Health.WARNING,
        detail="There are no tables yet.",
        remedy="matinee ingest or serve makes them.",
    ),
    SchemaState.BEHIND: Finding(
        name="schema",
        health=Health.FAILED,
        detail="It is an older release's.",
        remedy="Back the database up, then run: matinee db upgrade",
    ),
    SchemaState.UNKNOWN: Finding(
        name="schema",
        health=Health.FAILED,
        detail="This release does not know it.",
        remedy="Install the newer release that made it, or name another database in MATINEE_DATABASE_URL.",
    ),
}


def _examine_live_model(versions: ModelVersionDataManager, store: ModelStore) -> Finding:
    active = versions.find_active()
    if active is None:
        detail = "No model has been trained yet."
        return Finding(name="live model", health=Health.WARNING, detail=detail, remedy="Run: matinee train")
    try:
        artifact.load(store.opener(active.artifact))
    except ArtifactError as error:
        remedy = "Restore the model store, or run: matinee models activate VERSION, or: matinee train --activate"
        return Finding(
            name="live model", health=Health.FAILED, detail=f"Version {active.version}: {error}", remedy=remedy
        )
    return _ok("live model", f"version {active.version} is whole")


class DoctorDataManager(BaseDataManager):
    """SQL of the examination."""

    def examine(self) -> Finding:
        """Ask the database for its version, and for what would harm us."""
        return self._examine_sqlite() if self.dialect == "sqlite" else self._examine_postgresql()

    def _examine_sqlite(self) -> Finding:
        version, mode, damage = (
            self.session.scalar(text(question))
            for question in ("SELECT sqlite_version()", "PRAGMA journal_mode", "PRAGMA quick_check(1)")
        )
        if damage != "ok":
            detail = f"The file is damaged: {damage}"
            return Finding(name="database", health=Health.FAILED, detail=detail, remedy="Restore a backup.")
        if mode != "wal":
            detail, remedy = f"SQLite {version}, journal mode {mode}", "Move the file to a local disk; WAL needs one."
            return Finding(name="database", health=Health.WARNING, detail=detail, remedy=remedy)
        return _ok("database", f"SQLite {version}, journal mode wal, undamaged")

    def _examine_postgresql(self) -> Finding:
        version, encoding = (
            self.session.scalar(text(f"SHOW {name}")) for name in ("server_version", "server_encoding")
        )
        detail = f"PostgreSQL {version}, encoding {encoding}"
        if encoding != "UTF8":
            remedy = "Create the database with ENCODING 'UTF8': titles of the world do not fit into this one."
            return Finding(name="database", health=Health.FAILED, detail=detail, remedy=remedy)
        return _ok("database", detail)

    def compare_statistics(self) -> Finding:
        """Count all ratings anew, and compare with what is kept of each movie."""
        # Summed as doubles: PostgreSQL would add single-precision numbers up in single precision.
        stars = func.sum(cast(Rating.rating, Double)).label("rating_sum")
        recounted = (
            select(Rating.movie_id, func.count().label("rating_count"), stars).group_by(Rating.movie_id).subquery()
        )
        differs = or_(
            MovieStatistics.rating_count != func.coalesce(recounted.c.rating_count, 0),
            MovieStatistics.rating_sum != func.coalesce(recounted.c.rating_sum, 0),
        )
        statement = (
            select(func.count())
            .select_from(MovieStatistics)
            .outerjoin(recounted, recounted.c.movie_id == MovieStatistics.movie_id)
            .where(differs)
        )
        if wrong := self.session.scalar(statement):
            detail = f"Of {wrong} movies the number or the sum of ratings is not what a recount gives."
            remedy = "Report it, for it should never be; an ingestion of newer ratings counts all movies anew."
            return Finding(name="statistics", health=Health.FAILED, detail=detail, remedy=remedy)
        return _ok("statistics", "each movie's count and sum are those of its ratings")
