"""Lists that were made a moment ago: most who come back have rated nothing since."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

ListT = TypeVar("ListT")


class RecentLists(Generic[ListT]):
    """The lists asked for last, by all that they are made from. Threads may share it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lists: OrderedDict[Hashable, ListT] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], ListT]) -> ListT:
        """Give the list of a key, made now where it is not remembered; the one asked for longest ago is forgotten."""
        with self._lock:
            if key in self._lists:
                self._lists.move_to_end(key)
                return self._lists[key]
        made = make()
        with self._lock:
            self._lists[key] = made
            if len(self._lists) > self.most:
                self._lists.popitem(last=False)
        return made
