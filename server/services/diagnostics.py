"""Checks an installation from top to bottom and says how to fix what is wrong. It changes nothing."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import Double, cast, func, or_, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from server.backend import migrate as schema
from server.backend.config import Settings, without_password
from server.backend.database import Database
from server.backend.migrate import SchemaState
from server.backend.model_store import ModelStore
from server.backend.rate_limits import ClientLimits
from server.backend.replica import ReadReplica
from server.backend.shared_redis import SharedRedis, open_redis
from server.command_errors import SettingsError
from server.errors import ArtifactError, StoreError
from server.models import MovieStatistics, Rating
from server.recommender import artifact
from server.recommender.algorithms.registry import ALGORITHMS
from server.schemas.base import Paging
from server.schemas.diagnostics import Finding, Health
from server.services.base import BaseDataManager
from server.services.model_versions import ModelVersionDataManager
from server.services.training.ratings_reader import RatingsReader
from server.services.training.runs import TrainingRunDataManager

GIB = 2**30
FREE_BYTES_WARNING = 2 * GIB
FREE_BYTES_NEEDED = GIB // 4
RECENT_RUNS = 20


def check_settings(settings: Settings) -> None:
    """Raise `SettingsError` for a value that only the module that uses it can check. Opens nothing."""
    if settings.algorithm not in ALGORITHMS:
        names = ", ".join(sorted(ALGORITHMS))
        raise SettingsError(f"MATINEE_ALGORITHM is {settings.algorithm!r}. Choose one of: {names}.")
    ModelStore(settings.model_store)
    ClientLimits(settings)
    open_redis(settings.redis_url)


def describe_wrong_settings(error: SettingsError) -> Finding:
    """Return the finding for settings that cannot be used."""
    return Finding(name="settings", health=Health.FAILED, detail=str(error), remedy="Correct the variable, or .env.")


def examine(settings: Settings, *, recounts: bool = True) -> Iterator[Finding]:
    """Yield one finding after another. A check that depends on a failed one is left out.

    Without ``recounts``, nothing is read whose size grows with the number of ratings.
    """
    try:
        check_settings(settings)
    except SettingsError as error:
        yield describe_wrong_settings(error)
        return
    store = ModelStore(settings.model_store)
    yield _ok("settings", f"{settings.shown_database_url}, models in {without_password(settings.model_store)}")
    yield from _examine_space(settings, store)
    yield _examine_store(store)
    yield from _examine_database(settings, store, recounts=recounts)
    if settings.database_read_url:
        yield _examine_replica(settings)
    if (redis := open_redis(settings.redis_url)) is not None:
        yield _examine_redis(redis)


def _ok(name: str, detail: str) -> Finding:
    return Finding(name=name, health=Health.OK, detail=detail)


def _examine_space(settings: Settings, store: ModelStore) -> Iterator[Finding]:
    """Check the local disks: that of a database file and that of a model store in a folder."""
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
            else "Free some space; matinee models prune --keep 3 deletes old models.",
        )


def _examine_store(store: ModelStore) -> Finding:
    name = "model store"
    try:
        if store.is_local and not store.file_system.isdir(store.root):
            return Finding(
                name=name,
                health=Health.WARNING,
                detail="It does not exist yet.",
                remedy="The first training creates it.",
            )
        store.check_writable()
        return _ok(name, f"readable and writable, {len(store.list_names())} artifacts")
    except StoreError as error:
        return Finding(name=name, health=Health.FAILED, detail=str(error), remedy="Check address and credentials.")
    except OSError as error:
        detail = f"{store.root} cannot be written: {error.strerror or error}."
        return Finding(
            name=name, health=Health.FAILED, detail=detail, remedy="Give the user that runs the server write access."
        )


def _examine_database(settings: Settings, store: ModelStore, *, recounts: bool) -> Iterator[Finding]:
    if settings.sqlite_file is not None and not settings.sqlite_file.exists():
        detail = f"The file {settings.sqlite_file} does not exist yet."
        yield Finding(
            name="database", health=Health.WARNING, detail=detail, remedy="matinee ingest or matinee serve creates it."
        )
        return
    database = Database(settings)
    try:
        with database.transaction(writes=False) as session:
            yield DoctorDataManager(session).examine()
        state = schema.find_state(database)
        yield SCHEMA_FINDINGS[state]
        if state is SchemaState.CURRENT:
            with database.transaction(writes=False) as session:
                if recounts:
                    yield DoctorDataManager(session).compare_statistics()
                yield _examine_live_model(ModelVersionDataManager(session), store)
                yield _examine_trainings(session)
    except SQLAlchemyError as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        remedy = "Start the database or correct MATINEE_DATABASE_URL. If the file is damaged, restore a backup."
        yield Finding(name="database", health=Health.FAILED, detail=f"It cannot be used: {reason}", remedy=remedy)
    finally:
        database.dispose()


def _examine_replica(settings: Settings) -> Finding:
    name = "read replica"
    replica = ReadReplica(settings)
    try:
        return _ok(name, f"answers, with catalogue version {replica.read_version()}")
    except SQLAlchemyError as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        return Finding(
            name=name,
            health=Health.WARNING,
            detail=f"It does not answer, so the database answers in its place: {reason}",
            remedy="Start the replica, or correct MATINEE_DATABASE_READ_URL.",
        )
    finally:
        replica.dispose()


def _examine_redis(redis: SharedRedis) -> Finding:
    name = "Redis"
    try:
        redis.ping()
    except redis.errors as error:
        return Finding(
            name=name,
            health=Health.WARNING,
            detail=f"It does not answer, so each process counts for itself: {error}",
            remedy="Start Redis, or correct MATINEE_REDIS_URL.",
        )
    finally:
        redis.close()
    return _ok(name, "answers")


SCHEMA_FINDINGS = {
    SchemaState.CURRENT: _ok("schema", "the schema of this release"),
    SchemaState.EMPTY: Finding(
        name="schema",
        health=Health.WARNING,
        detail="The database has no tables yet.",
        remedy="matinee ingest or matinee serve creates them.",
    ),
    SchemaState.BEHIND: Finding(
        name="schema",
        health=Health.FAILED,
        detail="The schema is of an older release.",
        remedy="Back the database up, then run: matinee db upgrade",
    ),
    SchemaState.UNKNOWN: Finding(
        name="schema",
        health=Health.FAILED,
        detail="This release does not know the schema.",
        remedy="Install the newer release that created it, or set MATINEE_DATABASE_URL to another database.",
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
        remedy = "Restore the model store, or run matinee models activate VERSION or matinee train --activate"
        return Finding(
            name="live model", health=Health.FAILED, detail=f"Version {active.version}: {error}", remedy=remedy
        )
    return _ok("live model", f"version {active.version} is intact")


def _examine_trainings(session: Session) -> Finding:
    """Report the age of the live model, the ratings since, and the trainings that failed after the last success."""
    name = "trainings"
    runs = TrainingRunDataManager(session).list_page(Paging(limit=RECENT_RUNS))
    failed = list(takewhile(lambda run: run.status != "succeeded", runs))
    failed = [run for run in failed if run.status == "failed"]
    age = _describe_age(ModelVersionDataManager(session), RatingsReader(session))
    if not failed:
        return _ok(name, age)
    return Finding(
        name=name,
        health=Health.WARNING,
        detail=f"{age} {len(failed)} failed since the last success. Run {failed[0].run_id}: {failed[0].error}",
        remedy="Remedy the cause, then run: matinee train",
    )


def _describe_age(versions: ModelVersionDataManager, ratings: RatingsReader) -> str:
    active = versions.find_active()
    live = None if active is None else versions.find(active.version)
    if live is None:
        return "No model has been trained yet."
    hours = (datetime.now(UTC) - live.created_at).total_seconds() / 3600
    count, _, _ = ratings.summarise()
    return f"The live model is {hours:.1f} hours old; {count - live.data.ratings:+,} ratings since."


class DoctorDataManager(BaseDataManager):
    """SQL of the checks."""

    def examine(self) -> Finding:
        """Check the version, the encoding and the integrity of the database."""
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
            detail, remedy = f"SQLite {version}, journal mode {mode}", "Move the file to a local disk, which WAL needs."
            return Finding(name="database", health=Health.WARNING, detail=detail, remedy=remedy)
        return _ok("database", f"SQLite {version}, journal mode wal, intact")

    def _examine_postgresql(self) -> Finding:
        version, encoding = (
            self.session.scalar(text(f"SHOW {name}")) for name in ("server_version", "server_encoding")
        )
        detail = f"PostgreSQL {version}, encoding {encoding}"
        if encoding != "UTF8":
            remedy = "Create the database with ENCODING 'UTF8', which all titles need."
            return Finding(name="database", health=Health.FAILED, detail=detail, remedy=remedy)
        return _ok("database", detail)

    def compare_statistics(self) -> Finding:
        """Compare the stored count and sum of each movie with a recount of its ratings."""
        # As doubles: PostgreSQL sums single-precision numbers in single precision.
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
            detail = f"The stored count or sum of ratings of {wrong} movies is wrong."
            remedy = "Please report it. An ingestion of newer ratings recounts all movies."
            return Finding(name="statistics", health=Health.FAILED, detail=detail, remedy=remedy)
        return _ok("statistics", "the count and sum of each movie match its ratings")
