"""How recommended probabilities come true: of the recommended movies that were then rated, the share liked."""

import threading
from array import array

from cachetools import LRUCache

from server.backend.metrics import Metrics
from server.recommender.data.interactions import LIKE_THRESHOLD
from server.schemas.ratings import Rating
from server.schemas.recommendation_engine import LiveCalibration, ReliabilityBin
from server.schemas.user import RecommendedMovies

MAX_USERS = 20_000


class RunningCalibration:
    """Remembers the last list of the most recent users, and counts the outcome when they rate.

    It lives in this process's memory only: a rating after a restart, to another process, or after `max_users` other
    users is not counted. The counts are a sample that no request waits for.
    """

    def __init__(self, metrics: Metrics, *, max_users: int = MAX_USERS) -> None:
        self.metrics = metrics
        # Arrays, because lists of numbers would take five times as much memory.
        self._lists: LRUCache[int, tuple[array[int], array[float]]] = LRUCache(max_users)
        self._lock = threading.Lock()

    def record_list(self, user_id: int, recommended: RecommendedMovies) -> RecommendedMovies:
        """Remember the list that a user got last, and return it."""
        entry = array("q", recommended.movie_ids), array("d", recommended.probabilities)
        with self._lock:
            self._lists[user_id] = entry
        return recommended

    def get_calibration(self) -> LiveCalibration:
        """Return predicted probabilities beside observed shares, of the tenths with ratings."""
        bins = [
            ReliabilityBin(
                lower=float(tenth),
                upper=round(float(tenth) + 0.1, 1),
                pairs=rated,
                mean_predicted=predicted / rated,
                observed=liked / rated,
            )
            for tenth, (rated, liked, predicted) in sorted(self.metrics.read_outcomes().items())
            if rated
        ]
        return LiveCalibration(bins=bins)

    def record_rating(self, rating: Rating, *, is_first: bool) -> None:
        """Count a user's first rating of a movie in the user's list; it counts once."""
        if not is_first:
            return
        with self._lock:
            movie_ids, probabilities = self._lists.get(rating.user_id) or (array("q"), array("d"))
            if rating.movie_id not in movie_ids:
                return
            place = movie_ids.index(rating.movie_id)
            movie_ids.pop(place)
            probability = probabilities.pop(place)
        self.metrics.count_outcome(probability, liked=rating.rating >= LIKE_THRESHOLD)
