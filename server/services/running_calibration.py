"""How the probabilities that were told come true: of the movies recommended that were then rated, the share liked."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from server.backend.metrics import Metrics
from server.recommender.interactions import LIKE_THRESHOLD
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
        self._lists: OrderedDict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = OrderedDict()
        self._lock = threading.Lock()

    def note_list(self, user_id: int, movie_ids: Sequence[int], probabilities: Sequence[float]) -> None:
        """Remember what a user was told last."""
        told = np.array(movie_ids, np.int64), np.array(probabilities, np.float64)
        with self._lock:
            self._lists[user_id] = told
            self._lists.move_to_end(user_id)
            if len(self._lists) > self.max_users:
                self._lists.popitem(last=False)

    def note_rating(self, rating: Rating) -> None:
        """Count a user's first rating of a movie that was in his list; it counts once."""
        with self._lock:
            movie_ids, probabilities = self._lists.get(rating.user_id, (np.empty(0, np.int64), np.empty(0)))
            is_it = movie_ids == rating.movie_id
            if not is_it.any():
                return
            self._lists[rating.user_id] = movie_ids[~is_it], probabilities[~is_it]
        self.metrics.count_outcome(float(probabilities[is_it][0]), liked=rating.rating >= LIKE_THRESHOLD)
