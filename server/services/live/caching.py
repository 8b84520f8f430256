"""Bounded caches of values that depend only on the version of the catalogue."""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class SharedCache(Generic[KeyT, ValueT]):
    """A bounded LRU cache that threads may share."""

    def __init__(self, max_entries: int) -> None:
        self._entries: LRUCache[KeyT, ValueT] = LRUCache(max_entries)
        self._lock = Lock()

    def get_all(self, keys: Iterable[KeyT], load: Callable[[list[KeyT]], Mapping[KeyT, ValueT]]) -> dict[KeyT, ValueT]:
        """Return the values by key, after loading the missing ones together. Keys that `load` omits are omitted."""
        wanted = list(keys)
        with self._lock:
            found = {key: self._entries[key] for key in wanted if key in self._entries}
        missing = [key for key in wanted if key not in found]
        if not missing:
            return found
        loaded = load(missing)
        with self._lock:
            self._entries.update(loaded)
        return {**found, **loaded}


class VersionedCache(Generic[KeyT, ValueT]):
    """A bounded cache of values that are valid for one version of the catalogue. Threads may share it."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._current: tuple[int, SharedCache[KeyT, ValueT]] = (0, SharedCache(max_entries))

    def for_version(self, version: int) -> SharedCache[KeyT, ValueT]:
        """Return the cache of a version. The values of any other version are discarded."""
        known, cache = self._current
        if known != version:
            cache = SharedCache(self._max_entries)
            self._current = (version, cache)
        return cache
