"""Recent searches and their hits: the pages of one search, and words that many users search for."""

from threading import Lock

from cachetools import LRUCache

from server.search.index import Hits, SearchIndex

MAX_HITS = 200_000
"""Remember at most this many hits together: about five megabytes."""

FIXED_SIZE = 50
"""A search without hits takes as much memory as this many."""


class RecentSearches:
    """Remembers the hits of recent searches of one index. Threads may share it.

    It moves the benchmark row "search"; "search, other words" shows a search without it.
    """

    def __init__(self, *, max_hits: int = MAX_HITS) -> None:
        self._index: SearchIndex | None = None
        self._recent: LRUCache[str, Hits] = LRUCache(max_hits, getsizeof=lambda hits: hits.total + FIXED_SIZE)
        self._lock = Lock()

    def find(self, index: SearchIndex, words: str) -> Hits:
        """Return the hits of a search. Those of another index are forgotten."""
        with self._lock:
            if index is not self._index:
                self._recent.clear()
                self._index = index
            found = self._recent.get(words)
        return self._search(index, words) if found is None else found

    def _search(self, index: SearchIndex, words: str) -> Hits:
        found = index.search(words)
        with self._lock:
            # Meanwhile another index may have replaced this one. A search with too many hits is not kept.
            if index is self._index and found.total + FIXED_SIZE <= self._recent.maxsize:
                self._recent[words] = found
        return found
