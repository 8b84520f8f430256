"""How a process follows the database: one small query at an interval, and announcements on PostgreSQL."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from server.backend.announcements import ChangeListener
from server.backend.database import Database
from server.backend.periodic import PeriodicTasks, Task

STATE = """
SELECT
    (SELECT coalesce(max(ingestion_id), 0) FROM ingestions),
    (SELECT snapshot_id FROM popularity_snapshots),
    (SELECT version FROM active_model),
    (SELECT run_id FROM training_runs WHERE status = 'running'),
    (SELECT run_id FROM training_runs WHERE status = 'queued')
"""


class InstallationState(NamedTuple):
    """The versions in the database, and the unfinished training runs."""

    catalogue: int
    """The number of the last ingestion, 0 before the first."""
    popularity: int | None
    model: int | None
    running: int | None
    queued: int | None


UPKEEP_INTERVAL_S = 0.5
"""How often a process looks after what it has in memory itself, such as its training."""

IsBehind = Callable[[InstallationState], bool]


class DatabaseWatch:
    """Reads the state of the installation and wakes every follower that is behind it.

    A follower is called in a thread of its own, for as long as it is behind. So an idle process sends one query per
    interval, regardless of the number of followers.
    """

    def __init__(
        self,
        database: Database,
        followers: Mapping[Task, IsBehind],
        *,
        interval_s: float,
        upkeep_s: Mapping[Task, float],
    ) -> None:
        """Create the threads; ``upkeep_s`` are tasks that need no query, with their intervals."""
        self._reader = database.reader
        self._followers = followers
        self._tasks = PeriodicTasks({self.poll: interval_s, **dict.fromkeys(followers), **upkeep_s})
        self._listener = (
            None
            if database.reader.is_in_process
            else ChangeListener(database.engine, lambda: self._tasks.wake(self.poll))
        )

    def start(self) -> None:
        """Start to follow the database."""
        self._tasks.start()
        if self._listener is not None:
            self._listener.start()

    def stop(self) -> None:
        """Stop after the current calls, within seconds."""
        if self._listener is not None:
            self._listener.stop()
        self._tasks.stop()

    def poll(self) -> None:
        """Read the state, and wake the followers that are behind."""
        (row,) = self._reader.read(STATE, {})
        state = InstallationState(*row)
        for catch_up, is_behind in self._followers.items():
            if is_behind(state):
                self._tasks.wake(catch_up)
