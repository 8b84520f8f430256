"""Decides whether a run that another process trains is lost, without comparing clocks of different processes."""

import time
from collections.abc import Callable

HEARTBEATS_PER_LEASE = 6
MAX_INTERVAL_S = 1.0


def heartbeat_interval_s(lease_s: float) -> float:
    """Return the seconds between two heartbeats."""
    return min(MAX_INTERVAL_S, lease_s / HEARTBEATS_PER_LEASE)


class LeaseObserver:
    """Measures for how long this process has seen no new heartbeat of a run.

    It compares heartbeat counters instead of times, so a clock that jumps has no effect. Time between two observations
    counts at most up to a sixth of the lease, so a process that was suspended itself needs several more observations
    before it reports a run as lost. A suspended machine therefore never loses its own training.
    """

    def __init__(self, lease_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.lease_s = lease_s
        self._clock = clock
        self._seen: tuple[int, int] | None = None
        self._observed_at = 0.0
        self._silence_s = 0.0

    def is_lost(self, run_id: int, heartbeats: int) -> bool:
        """Observe the heartbeat counter of a run, and return whether it has been silent for a whole lease."""
        now = self._clock()
        if (run_id, heartbeats) != self._seen:
            self._seen, self._silence_s = (run_id, heartbeats), 0.0
        else:
            self._silence_s += min(now - self._observed_at, self.lease_s / HEARTBEATS_PER_LEASE)
        self._observed_at = now
        return self._silence_s >= self.lease_s

    def reset(self) -> None:
        """Forget what was observed, for example because heartbeats could not be written meanwhile."""
        self._seen = None
