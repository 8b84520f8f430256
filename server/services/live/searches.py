"""Recent searches and their hits: the pages of one search, and words that many users search for."""

from threading import Lock

from cachetools import LRUCache

from server.search.index import Hits, SearchIndex

MAX_HITS = 200_000
"""Remember at most this many hits together: about five megabytes."""

FIXED_SIZE = 50
"""A search without hits takes as much memory as this many."""


class RecentSearches:
    """Remembers the hits of recent searches of one index, and is replaced with it. Threads may share it.

    It moves the benchmark row "search"; "search, other words" shows a search without it.
    """

    def __init__(self, index: SearchIndex, *, max_hits: int = MAX_HITS) -> None:
        self.index = index
        self._recent: LRUCache[str, Hits] = LRUCache(max_hits, getsizeof=lambda hits: hits.total + FIXED_SIZE)
        self._lock = Lock()

    def find(self, words: str) -> Hits:
        """Return the hits of a search."""
        with self._lock:
            found = self._recent.get(words)
        return self._search(words) if found is None else found

    def _search(self, words: str) -> Hits:
        found = self.index.search(words)
        with self._lock:
            # A search with too many hits is not kept.
            if found.total + FIXED_SIZE <= self._recent.maxsize:
                self._recent[words] = found
        return found
