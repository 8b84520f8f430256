"""Redis, which serving processes share. It holds data that may be lost: counters of rate limits, and last lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from limits.errors import StorageError

from server.backend.availability import Availability
from server.command_errors import SettingsError

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

TIMEOUT_S = 0.5
"""A request waits at most this long for Redis, and only the first that finds it gone."""


class SharedRedis:
    """A Redis that requests never depend on: while it does not answer, each process counts for itself."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet. Raises `SettingsError` if the package is missing or the URL is wrong."""
        self.url = url
        self.client = _create_client(url)
        self.errors = _errors()
        """The errors that are raised while Redis does not answer."""
        self._availability = Availability(
            "Redis", "Rate limits and the running calibration are those of each process until it does."
        )

    @property
    def is_up(self) -> bool:
        """Whether Redis has answered lately."""
        return self._availability.is_up

    def attempt(self, ask: Callable[[], T], otherwise: Callable[[], T]) -> T:
        """Return what a function gets from Redis, or the result of the other function while it does not answer."""
        if self.is_up:
            try:
                return ask()
            except self.errors as error:
                self._availability.report_failure(error)
        return otherwise()

    def probe(self) -> None:
        """Query Redis again if it did not answer."""
        self._availability.probe(self.ping)

    def ping(self) -> None:
        """Raise one of `errors` if Redis does not answer."""
        self.client.ping()

    def close(self) -> None:
        """Close all connections."""
        self.client.close()


def open_redis(url: str) -> SharedRedis | None:
    """Return the Redis of a URL, or None without one. Raises as `SharedRedis`."""
    return SharedRedis(url) if url else None


def _errors() -> tuple[type[Exception], ...]:
    from redis import RedisError  # noqa: PLC0415 (an extra)

    return RedisError, StorageError


def _create_client(url: str) -> Redis:
    try:
        from redis import Redis  # noqa: PLC0415 (an extra)
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            "MATINEE_REDIS_URL needs the Python package redis. Install it: pip install 'matinee[redis]'"
        ) from None
    try:
        return Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            # A connection that Redis closed while idle is opened again; one that fails twice is a failure.
            retry=Retry(NoBackoff(), 1),
        )
    except ValueError:
        # The URL, and the message about it, may contain a password.
        raise SettingsError("MATINEE_REDIS_URL is not a Redis URL; write redis://host:6379.") from None
