"""The running calibration: predicted probabilities beside the ratings that followed."""

from collections.abc import Callable

from server.backend.metrics import Metrics
from server.backend.shared_redis import SharedRedis
from server.recommender.data.ratings import LIKE_THRESHOLD
from server.schemas.ratings import Rating
from server.schemas.recommendation_engine import LiveCalibration, ReliabilityBin
from server.schemas.user import RecommendedMovies
from server.services.live.recommended_lists import ProcessLists, SharedLists

MAX_USERS = 20_000

Later = Callable[..., None]
"""Runs a function, with its arguments, after the response."""


class RunningCalibration:
    """Remembers the last list of the most recent users, and counts the outcome when they rate.

    With Redis all processes remember together. Without it, and while it is gone, a rating after a restart, to another
    process, or after `max_users` other users is not counted. The counts are a sample that no request waits for.
    """

    def __init__(self, metrics: Metrics, redis: SharedRedis | None = None, *, max_users: int = MAX_USERS) -> None:
        self._metrics = metrics
        own = ProcessLists(metrics, max_users)
        self._lists = own if redis is None else SharedLists(redis, own)

    def record_list(self, user_id: int, recommended: RecommendedMovies, later: Later) -> RecommendedMovies:
        """Remember the list that a user got last, and return it."""
        if self._lists.is_in_process:
            self._lists.put(user_id, recommended)
        else:
            later(self._lists.put, user_id, recommended)
        return recommended

    def record_rating(self, rating: Rating, *, is_first: bool) -> None:
        """Count a user's first rating of a movie in the user's list; it counts once."""
        probability = self._lists.take(rating.user_id, rating.movie_id) if is_first else None
        if probability is None:
            return
        is_liked = rating.rating >= LIKE_THRESHOLD
        self._metrics.count_outcome(probability, liked=is_liked)
        self._lists.count_outcome(probability, liked=is_liked)

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
            for tenth, (rated, liked, predicted) in sorted(self._lists.read_outcomes().items())
            if rated
        ]
        return LiveCalibration(bins=bins)
