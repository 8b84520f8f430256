"""How the probabilities that were told come true: of the movies recommended that were then rated, the share liked."""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence

from server.backend.metrics import Metrics
from server.recommender.data.interactions import LIKE_THRESHOLD
from server.schemas.ratings import Rating

MAX_USERS = 20_000


class RunningCalibration:
    """Remembers the last list of each of the latest users, and counts what comes of it when they rate.

    Only in this process's memory: a rating that comes after a restart, to another process, or when `max_users` others
    have asked, is not counted: what is counted is a sample, and one that no request has to wait for.
    """

    def __init__(self, metrics: Metrics, *, max_users: int = MAX_USERS) -> None:
        self.metrics = metrics
        self.max_users = max_users
        # Arrays, for as lists the numbers would take five times as much memory.
        self._lists: OrderedDict[int, tuple[array[int], array[float]]] = OrderedDict()
        self._lock = threading.Lock()

    def note_list(self, user_id: int, movie_ids: Sequence[int], probabilities: Sequence[float]) -> None:
        """Remember what a user was told last."""
        told = array("q", movie_ids), array("d", probabilities)
        with self._lock:
            self._lists[user_id] = told
            self._lists.move_to_end(user_id)
            if len(self._lists) > self.max_users:
                self._lists.popitem(last=False)

    def note_rating(self, rating: Rating) -> None:
        """Count a user's first rating of a movie that was in his list; it counts once."""
        with self._lock:
            movie_ids, probabilities = self._lists.get(rating.user_id, (array("q"), array("d")))
            if rating.movie_id not in movie_ids:
                return
            place = movie_ids.index(rating.movie_id)
            movie_ids.pop(place)
            probability = probabilities.pop(place)
        self.metrics.count_outcome(probability, liked=rating.rating >= LIKE_THRESHOLD)
