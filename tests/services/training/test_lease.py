from collections.abc import Sequence

from server.services.training.lease import LeaseObserver, heartbeat_interval_s
from tests.support.tables import for_each

LEASE_S = 30


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def observe(gaps_s: Sequence[float], *, heartbeats: Sequence[int]) -> list[bool]:
    """Observe a run after each gap, with the heartbeat counter of that moment."""
    clock = Clock()
    observer = LeaseObserver(LEASE_S, clock=clock)
    answers = []
    for gap_s, count in zip(gaps_s, heartbeats, strict=True):
        clock.now_s += gap_s
        answers.append(observer.is_lost(7, count))
    return answers


def test_a_run_is_lost_after_a_lease_without_a_heartbeat() -> None:
    answers = observe([1.0] * 32, heartbeats=[5] * 32)

    assert answers == [False] * 30 + [True] * 2


def test_every_heartbeat_begins_a_new_lease() -> None:
    assert not any(observe([1.0] * 100, heartbeats=[second // 25 for second in range(100)]))


@for_each("suspended_s", [2 * LEASE_S, 100_000])
def test_a_suspension_of_the_observer_does_not_count(suspended_s: float) -> None:
    answers = observe([1, suspended_s, 1, suspended_s, 1, suspended_s], heartbeats=[5] * 6)

    assert not any(answers)


def test_a_run_is_not_lost_because_another_one_was_silent() -> None:
    clock = Clock()
    observer = LeaseObserver(LEASE_S, clock=clock)
    for _ in range(29):
        observer.is_lost(1, 5)
        clock.now_s += 1

    assert not observer.is_lost(2, 5)


def test_a_reset_begins_a_new_lease() -> None:
    clock = Clock()
    observer = LeaseObserver(LEASE_S, clock=clock)
    for _ in range(30):
        observer.is_lost(1, 5)
        clock.now_s += 1
    observer.reset()

    assert not observer.is_lost(1, 5)


@for_each(("lease_s", "interval_s"), [(30, 1.0), (3, 0.5)])
def test_a_lease_has_room_for_several_heartbeats(lease_s: float, interval_s: float) -> None:
    assert heartbeat_interval_s(lease_s) == interval_s
