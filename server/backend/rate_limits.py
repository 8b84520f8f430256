"""Rate limits per client, counted in Redis, or in the memory of each process without it."""

import ipaddress
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import limits
from anyio import to_thread
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from server.backend.config import Settings
from server.backend.shared_redis import SharedRedis
from server.errors import TooManyRequests

T = TypeVar("T")

IPV6_PREFIX = 64
"""A client with one IPv6 address usually has all addresses with the same 64 bits."""

KEY_PREFIX = "matinee:limits"

WRONG_PASSWORDS = "10/minute; 60/hour"
"""The wrong passwords of one account that are verified. More of them are refused at once."""


class Counters:
    """Counts in windows that begin with the first request: in Redis, or in memory without it and while it is gone."""

    def __init__(self, redis: SharedRedis | None) -> None:
        self._redis = redis
        self._local = FixedWindowRateLimiter(MemoryStorage())
        self._shared = None if redis is None else _create_shared_limiter(redis)

    @property
    def is_in_memory(self) -> bool:
        """Whether counting never waits."""
        return self._redis is None or not self._redis.is_up

    def run(self, call: Callable[[FixedWindowRateLimiter], T]) -> T:
        """Return the result of a function of the limiter. A request is never refused because Redis is gone."""
        if self._redis is None or self._shared is None:
            return call(self._local)
        shared = self._shared
        return self._redis.attempt(lambda: call(shared), lambda: call(self._local))


class ClientLimits:
    """Counts the requests of each client."""

    def __init__(self, settings: Settings, redis: SharedRedis | None = None) -> None:
        self._counters = Counters(redis)
        self._login = _parse(settings.login_limit)
        self._write = _parse(settings.write_limit)

    async def count_login(self, address: str) -> None:
        """Count a sign-in attempt. Raises `TooManyRequests`."""
        await self._count("login", self._login, address)

    async def count_write(self, address: str) -> None:
        """Count a request that may write. Raises `TooManyRequests`."""
        await self._count("write", self._write, address)

    async def _count(self, what: str, items: list[limits.RateLimitItem], address: str) -> None:
        client = client_of(address)
        # Redis is waited for in a thread. Memory needs no waiting.
        if self._counters.is_in_memory:
            self._hit(items, what, client)
        elif items:
            await to_thread.run_sync(self._hit, items, what, client)

    def _hit(self, items: list[limits.RateLimitItem], *names: str) -> None:
        for item in items:
            if (wait_s := self._counters.run(partial(_hit, item=item, names=names))) is not None:
                raise TooManyRequests(wait_s)


class AccountLimits:
    """Limits the wrong passwords of one account, from however many addresses they come.

    A guess beyond the limit is refused before its password is verified, which costs 64 MiB and a core, so guessing
    does not keep other users from signing in.
    """

    def __init__(self, redis: SharedRedis | None = None) -> None:
        self._counters = Counters(redis)
        self._items = limits.parse_many(WRONG_PASSWORDS)

    def check(self, user_id: int) -> None:
        """Raise `TooManyRequests` if the account has had too many wrong passwords lately."""
        names = ("account", str(user_id))

        def find_wait_s(limiter: FixedWindowRateLimiter) -> int | None:
            spent = (item for item in self._items if not limiter.test(item, *names))
            return next((_seconds_until_reset(limiter, item, names) for item in spent), None)

        if (wait_s := self._counters.run(find_wait_s)) is not None:
            raise TooManyRequests(wait_s)

    def count_wrong_password(self, user_id: int) -> None:
        """Count a wrong password."""
        self._counters.run(lambda limiter: [limiter.hit(item, "account", str(user_id)) for item in self._items])


def _create_shared_limiter(redis: SharedRedis) -> FixedWindowRateLimiter:
    from limits.storage import RedisStorage  # noqa: PLC0415 (needs an extra)

    return FixedWindowRateLimiter(
        RedisStorage(
            redis.url,
            connection_pool=redis.client.connection_pool,
            key_prefix=KEY_PREFIX,
            wrap_exceptions=True,
        )
    )


def _hit(limiter: FixedWindowRateLimiter, item: limits.RateLimitItem, names: Sequence[str]) -> int | None:
    """Count a request, and return the seconds to wait if it is one too many."""
    return None if limiter.hit(item, *names) else _seconds_until_reset(limiter, item, names)


def _seconds_until_reset(limiter: FixedWindowRateLimiter, item: limits.RateLimitItem, names: Sequence[str]) -> int:
    window = limiter.get_window_stats(item, *names)
    return max(1, math.ceil(window.reset_time - time.time()))


def client_of(address: str) -> str:
    """Return the client of an address: the address itself, or the network of an IPv6 address."""
    try:
        network = ipaddress.IPv6Network((address, IPV6_PREFIX), strict=False)
    except ValueError:
        return address
    mapped = ipaddress.IPv6Address(address).ipv4_mapped
    return str(mapped or network)


def _parse(setting: str) -> list[limits.RateLimitItem]:
    return limits.parse_many(setting) if setting else []
