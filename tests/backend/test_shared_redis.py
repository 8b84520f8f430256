"""Processes count together in Redis, and apart while it is gone."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from server.backend.metrics import Metrics
from server.backend.rate_limits import AccountLimits
from server.backend.shared_redis import SharedRedis
from server.errors import TooManyRequests
from server.schemas.ratings import Rating
from server.schemas.user import RecommendedMovies
from server.services.live.calibration import RunningCalibration
from tests.backend.test_rate_limits import ALICE, BOB, count_refused, make_limits
from tests.services.live.test_calibration import at_once
from tests.support.redis_server import RedisServer, running_server

USER, MOVIES, PROBABILITIES = 7, [10, 20, 30], [0.91, 0.72, 0.35]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running_server() as server:
        yield server


@pytest.fixture
def processes(server: RedisServer) -> Iterator[list[SharedRedis]]:
    """The Redis of two processes."""
    opened = [SharedRedis(server.url) for _ in range(2)]
    yield opened
    for redis in opened:
        redis.close()


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING, "server.backend.availability")
    logging.getLogger("server").propagate = True
    return lambda: [record.getMessage() for record in caplog.records]


def rating(movie_id: int, stars: float) -> Rating:
    return Rating(rating_id=1, user_id=USER, movie_id=movie_id, rating=stars, timestamp=datetime.now(UTC))


def test_limits_count_together_and_apart_while_redis_is_gone(
    server: RedisServer, processes: list[SharedRedis], warnings: Callable[[], list[str]]
) -> None:
    one, other = (make_limits("3/minute", "5/minute", redis) for redis in processes)

    together = count_refused(one.count_login, *[ALICE] * 2), count_refused(other.count_login, *[ALICE] * 2, BOB)
    writes = count_refused(one.count_write, *[ALICE] * 3), count_refused(other.count_write, *[ALICE] * 3)
    server.stop()
    apart = count_refused(one.count_write, *[BOB] * 5), count_refused(other.count_write, *[BOB] * 5)
    still_limited = count_refused(one.count_write, BOB)
    server.start()
    for redis in processes:
        redis.probe()
    again = count_refused(one.count_login, *[BOB] * 3), count_refused(other.count_login, BOB)

    assert together == ({ALICE: 0}, {ALICE: 1, BOB: 0})
    assert writes == ({ALICE: 0}, {ALICE: 1})
    assert apart == ({BOB: 0}, {BOB: 0}), "nobody is refused because Redis is gone"
    assert still_limited == {BOB: 1}
    assert again == ({BOB: 0}, {BOB: 1})
    lost, found = warnings()[:2], warnings()[2:]
    assert all(line.startswith("Redis does not answer: ") and str(server.port) in line for line in lost)
    assert found == ["Redis answers again"] * 2


def test_wrong_passwords_count_together(processes: list[SharedRedis]) -> None:
    one, other = (AccountLimits(redis) for redis in processes)

    for _ in range(10):
        one.check(USER)
        one.count_wrong_password(USER)

    with pytest.raises(TooManyRequests) as raised:
        other.check(USER)
    assert 0 < raised.value.retry_after_s <= 60
    other.check(USER + 1)


def test_a_rating_counts_in_whichever_process_it_arrives(server: RedisServer, processes: list[SharedRedis]) -> None:
    metrics = [Metrics(), Metrics()]
    one, other = (RunningCalibration(*each) for each in zip(metrics, processes, strict=True))
    recommended = RecommendedMovies(movie_ids=MOVIES, probabilities=PROBABILITIES)

    one.record_list(USER, RecommendedMovies(movie_ids=[99], probabilities=[0.5]), at_once)
    one.record_list(USER, recommended, at_once)
    for process in (other, one):
        for movie_id, stars in ((10, 4.0), (30, 3.5), (99, 5.0), (11, 5.0)):
            process.record_rating(rating(movie_id, stars), is_first=True)
    other.record_rating(rating(20, 5.0), is_first=False)
    shared = [process.get_calibration().bins for process in (one, other)]

    server.stop()
    one.record_list(USER, recommended, at_once)
    one.record_rating(rating(20, 5.0), is_first=True)
    other.record_rating(rating(10, 5.0), is_first=True)
    alone = [[found.lower for found in process.get_calibration().bins] for process in (one, other)]

    assert shared[0] == shared[1]
    assert [(found.lower, found.pairs, found.observed) for found in shared[0]] == [(0.3, 1, 0), (0.9, 1, 1)]
    assert [found.mean_predicted for found in shared[0]] == pytest.approx([0.35, 0.91])
    assert alone == [[0.7], [0.3, 0.9]], "each process reports what it has counted itself"
