"""How often a client may do something; counted in this process's memory, or in a storage that processes share."""

import ipaddress
import math
import time

import limits
from anyio import to_thread
from limits.errors import ConfigurationError, StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from server.backend.config import Settings
from server.command_errors import SettingsError
from server.errors import LimitsUnavailable, TooManyRequests

# Whoever has one IPv6 address has all that begin with the same 64 bits.
IPV6_PREFIX = 64

IN_MEMORY = "memory://"


class ClientLimits:
    """Counts what clients do, each by its address, in windows that begin with the first thing counted."""

    def __init__(self, settings: Settings) -> None:
        self._is_in_memory = settings.limits_storage == IN_MEMORY
        self._limiter = FixedWindowRateLimiter(_open_storage(settings.limits_storage))
        self._login = _parse(settings.login_limit)
        self._write = _parse(settings.write_limit)

    async def count_login(self, address: str) -> None:
        """Count an attempt to log in. Raises `TooManyRequests`; `LimitsUnavailable` where it cannot be counted."""
        await self._count("login", self._login, address)

    async def count_write(self, address: str) -> None:
        """Count a request that may write. Raises as `count_login` does."""
        await self._count("write", self._write, address)

    async def _count(self, what: str, items: list[limits.RateLimitItem], address: str) -> None:
        client = client_of(address)
        # A storage elsewhere is waited for in a thread. In this process's memory the count is there at once.
        if self._is_in_memory:
            self._hit(items, what, client)
        else:
            await to_thread.run_sync(self._hit, items, what, client)

    def _hit(self, items: list[limits.RateLimitItem], what: str, client: str) -> None:
        try:
            for item in items:
                if not self._limiter.hit(item, what, client):
                    window = self._limiter.get_window_stats(item, what, client)
                    raise TooManyRequests(max(1, math.ceil(window.reset_time - time.time())))
        except StorageError:
            raise LimitsUnavailable from None


def client_of(address: str) -> str:
    """Give what clients at an address count as: itself, or the whole network that an IPv6 address stands for."""
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
        # Without the URL and what limits says of it: either may hold a password.
        raise SettingsError(
            "MATINEE_LIMITS_STORAGE names nothing to count in. Write memory://, or redis://host:6379 with the Python "
            "package redis installed."
        )
    return storage
