"""Rate limits per client, counted in the memory of this process or in a shared storage."""

import ipaddress
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import limits
from anyio import to_thread
from limits.errors import ConfigurationError, StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from server.backend.config import Settings
from server.command_errors import SettingsError
from server.errors import LimitsUnavailable, TooManyRequests

IPV6_PREFIX = 64
"""A client with one IPv6 address usually has all addresses with the same 64 bits."""

IN_MEMORY = "memory://"

WRONG_PASSWORDS = "10/minute; 60/hour"
"""The wrong passwords of one account that are verified. More of them are refused at once."""


class ClientLimits:
    """Counts the requests of each client, in windows that begin with its first request."""

    def __init__(self, settings: Settings) -> None:
        self._is_in_memory = settings.limits_storage == IN_MEMORY
        self._limiter = FixedWindowRateLimiter(_open_storage(settings.limits_storage))
        self._login = _parse(settings.login_limit)
        self._write = _parse(settings.write_limit)

    async def count_login(self, address: str) -> None:
        """Count a sign-in attempt. Raises `TooManyRequests`, or `LimitsUnavailable` if it cannot be counted."""
        await self._count("login", self._login, address)

    async def count_write(self, address: str) -> None:
        """Count a request that may write. Raises as `count_login` does."""
        await self._count("write", self._write, address)

    async def _count(self, what: str, items: list[limits.RateLimitItem], address: str) -> None:
        client = client_of(address)
        # Another storage is waited for in a thread. Memory needs no waiting.
        if self._is_in_memory:
            self._hit(items, what, client)
        else:
            await to_thread.run_sync(self._hit, items, what, client)

    def _hit(self, items: list[limits.RateLimitItem], what: str, client: str) -> None:
        with _storage_errors():
            for item in items:
                if not self._limiter.hit(item, what, client):
                    raise TooManyRequests(_seconds_until_reset(self._limiter, item, what, client))


class AccountLimits:
    """Limits the wrong passwords of one account, from however many addresses they come.

    A guess beyond the limit is refused before its password is verified, which costs 64 MiB and a core, so guessing
    does not keep other users from signing in.
    """

    def __init__(self, settings: Settings) -> None:
        self._limiter = FixedWindowRateLimiter(_open_storage(settings.limits_storage))
        self._items = limits.parse_many(WRONG_PASSWORDS)

    def check(self, user_id: int) -> None:
        """Raise `TooManyRequests` if the account has had too many wrong passwords lately."""
        with _storage_errors():
            for item in self._items:
                if not self._limiter.test(item, "account", str(user_id)):
                    raise TooManyRequests(_seconds_until_reset(self._limiter, item, "account", str(user_id)))

    def count_wrong_password(self, user_id: int) -> None:
        """Count a wrong password. Raises `LimitsUnavailable` if it cannot be counted."""
        with _storage_errors():
            for item in self._items:
                self._limiter.hit(item, "account", str(user_id))


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise LimitsUnavailable from None


def _seconds_until_reset(limiter: FixedWindowRateLimiter, item: limits.RateLimitItem, *names: str) -> int:
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


def _open_storage(url: str) -> Storage:
    try:
        storage = storage_from_string(url, wrap_exceptions=True)
    except (ConfigurationError, ValueError):
        storage = None
    if not isinstance(storage, Storage):
        # The URL, and the message of `limits` about it, may contain a password.
        raise SettingsError(
            "MATINEE_LIMITS_STORAGE names no usable storage. Set it to memory://, or to redis://host:6379 with the "
            "Python package redis installed."
        )
    return storage
