"""A process follows the database with one query, and is woken by announcements."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.orm import Session

from server.backend.announcements import announce_change
from server.backend.database import Database
from server.backend.reader import Reader, Row
from server.command_errors import TrainingInProgress
from server.models import Ingestion, RunStatus, TrainingRun
from server.services.live.popularity import take_snapshot
from server.services.live.watch import DatabaseWatch, InstallationState
from server.services.training.runs import TrainingRunDataManager, TrainingRunService
from tests.support.builders import add_version
from tests.support.waiting import wait_until

NEVER_S = 3600.0


@dataclass
class Follower:
    """Records the states that it saw, and is behind until it has caught up `remaining` times."""

    remaining: int = 0
    states: list[InstallationState] = field(default_factory=list)
    calls: int = 0

    def is_behind(self, state: InstallationState) -> bool:
        self.states.append(state)
        return self.remaining > 0

    def catch_up(self) -> None:
        self.calls += 1
        self.remaining -= 1


@contextmanager
def watching(database: Database, *followers: Follower, interval_s: float) -> Iterator[DatabaseWatch]:
    watch = DatabaseWatch(
        database,
        {follower.catch_up: follower.is_behind for follower in followers},
        interval_s=interval_s,
        upkeep_s={},
    )
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


def test_the_state_has_the_versions_and_the_unfinished_runs(catalogue: Database) -> None:
    follower = Follower()
    watch = DatabaseWatch(catalogue, {follower.catch_up: follower.is_behind}, interval_s=NEVER_S, upkeep_s={})
    watch.poll()
    take_snapshot(catalogue)
    with catalogue.transaction(writes=True) as session:
        version = add_version(session, "run-1")
        running = TrainingRunService(session).start()
        queued = TrainingRunService(session).request()
    watch.poll()

    assert follower.states == [(1, None, None, None, None), (1, 1, version, running, queued)]


def test_a_follower_is_called_as_long_as_it_is_behind(catalogue: Database) -> None:
    late, current = Follower(remaining=3), Follower()
    with watching(catalogue, late, current, interval_s=0.01):
        wait_until(lambda: not late.remaining)
        seen = len(current.states)
        wait_until(lambda: len(current.states) >= seen + 3)

    assert (late.calls, current.calls) == (3, 0)


def test_a_check_is_one_statement(catalogue: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    read: Callable[..., list[Row]] = Reader.read

    def recorded(reader: Reader, statement: str, parameters: dict[str, object]) -> list[Row]:
        statements.append(statement)
        return read(reader, statement, parameters)

    monkeypatch.setattr(Reader, "read", recorded)
    follower = Follower()
    DatabaseWatch(catalogue, {follower.catch_up: follower.is_behind}, interval_s=NEVER_S, upkeep_s={}).poll()

    assert len(statements) == 1


def queue_run(session: Session) -> None:
    TrainingRunService(session).request()


def end_run(session: Session) -> None:
    with suppress(TrainingInProgress):
        TrainingRunService(session).start()
    TrainingRunDataManager(session).fail(TrainingRunDataManager(session).find_id(RunStatus.RUNNING) or 0, "ended")


def activate(session: Session) -> None:
    add_version(session, "run-1")


def ingest(session: Session) -> None:
    session.execute(insert(Ingestion).values(source="films", counts={}, finished_at=text("1700000000")))
    announce_change(session)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("change", [queue_run, end_run, activate, ingest])
def test_postgresql_announces_changes(database: Database, change: Callable[[Session], None]) -> None:
    follower = Follower()
    with watching(database, follower, interval_s=NEVER_S):
        # The first poll follows the LISTEN.
        wait_until(lambda: bool(follower.states))
        before = follower.states[-1]
        with database.transaction(writes=True) as session:
            change(session)
            is_early = len(follower.states) > 1
        wait_until(lambda: len(follower.states) > 1)

    assert not is_early, "it is announced by the COMMIT"
    assert change is end_run or follower.states[-1] != before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_broken_connection_is_replaced(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.backend.announcements.RETRY_S", 0.01)
    follower = Follower()
    with watching(database, follower, interval_s=NEVER_S):
        wait_until(lambda: bool(follower.states))
        with database.transaction(writes=False) as session:
            session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"))
        # It asks at once, because it may have missed one.
        wait_until(lambda: len(follower.states) > 1)
        with database.transaction(writes=True) as session:
            TrainingRunService(session).request()
            session.execute(update(TrainingRun).values(stage="seen"))
        wait_until(lambda: follower.states[-1].queued is not None)
