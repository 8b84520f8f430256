"""The last recommended list of each user, kept to compare its probabilities with later ratings."""

import threading
from array import array
from collections import defaultdict
from typing import cast

from cachetools import LRUCache

from server.backend.metrics import Metrics, tenth_of
from server.backend.shared_redis import SharedRedis
from server.schemas.user import RecommendedMovies

Outcomes = dict[str, tuple[int, int, float]]
"""By tenth of the probability: the number of ratings, of those with 4 stars or more, and the sum of probabilities."""

LISTS, OUTCOMES = "matinee:list:{user_id}", "matinee:outcomes"
LIST_LIFETIME_S = 86_400


class ProcessLists:
    """Lists in the memory of this process. Threads may share it."""

    is_in_process = True

    def __init__(self, metrics: Metrics, max_users: int) -> None:
        self._metrics = metrics
        # Arrays, because lists of numbers would take five times as much memory.
        self._lists: LRUCache[int, tuple[array[int], array[float]]] = LRUCache(max_users)
        self._lock = threading.Lock()

    def put(self, user_id: int, recommended: RecommendedMovies) -> None:
        """Replace a user's list."""
        entry = array("q", recommended.movie_ids), array("d", recommended.probabilities)
        with self._lock:
            self._lists[user_id] = entry

    def take(self, user_id: int, movie_id: int) -> float | None:
        """Remove a movie from a user's list, and return its probability, or None if it is not there."""
        with self._lock:
            movie_ids, probabilities = self._lists.get(user_id) or (array("q"), array("d"))
            if movie_id not in movie_ids:
                return None
            place = movie_ids.index(movie_id)
            movie_ids.pop(place)
            return probabilities.pop(place)

    def count_outcome(self, probability: float, *, liked: bool) -> None:
        """Do nothing: the metrics of the process count already."""

    def read_outcomes(self) -> Outcomes:
        """Return the outcomes that the metrics have counted."""
        return self._metrics.read_outcomes()


class SharedLists:
    """Lists and outcomes in Redis, which all processes share; those of the process while Redis is gone."""

    is_in_process = False

    def __init__(self, redis: SharedRedis, own: ProcessLists) -> None:
        self._redis = redis
        self._own = own

    def put(self, user_id: int, recommended: RecommendedMovies) -> None:
        """Replace a user's list, for a day."""
        key = LISTS.format(user_id=user_id)
        probabilities = dict(zip(map(str, recommended.movie_ids), recommended.probabilities, strict=True))

        def replace() -> None:
            with self._redis.client.pipeline() as pipeline:
                pipeline.delete(key)
                if probabilities:
                    pipeline.hset(key, items=[part for pair in probabilities.items() for part in pair])
                    pipeline.expire(key, LIST_LIFETIME_S)
                pipeline.execute()

        self._redis.attempt(replace, lambda: self._own.put(user_id, recommended))

    def take(self, user_id: int, movie_id: int) -> float | None:
        """Remove a movie from a user's list, and return its probability, or None if it is not there."""
        key, field = LISTS.format(user_id=user_id), str(movie_id)

        def remove() -> float | None:
            # In one transaction, so that only one process counts the rating.
            with self._redis.client.pipeline() as pipeline:
                pipeline.hget(key, field)
                pipeline.hdel(key, field)
                probability, _ = pipeline.execute()
            return None if probability is None else float(probability)

        return self._redis.attempt(remove, lambda: self._own.take(user_id, movie_id))

    def count_outcome(self, probability: float, *, liked: bool) -> None:
        """Count the rating of a recommended movie."""
        tenth = tenth_of(probability)

        def count() -> None:
            with self._redis.client.pipeline() as pipeline:
                pipeline.hincrby(OUTCOMES, f"{tenth} rated", 1)
                pipeline.hincrby(OUTCOMES, f"{tenth} liked", int(liked))
                pipeline.hincrbyfloat(OUTCOMES, f"{tenth} predicted", probability)
                pipeline.execute()

        self._redis.attempt(count, lambda: None)

    def read_outcomes(self) -> Outcomes:
        """Return the outcomes that all processes have counted in Redis."""
        return self._redis.attempt(self._read_shared, self._own.read_outcomes)

    def _read_shared(self) -> Outcomes:
        values: dict[str, dict[str, float]] = defaultdict(lambda: {"rated": 0, "liked": 0, "predicted": 0})
        for name, value in cast("dict[bytes, bytes]", self._redis.client.hgetall(OUTCOMES)).items():
            tenth, what = name.decode().split()
            values[tenth][what] = float(value)
        return {
            tenth: (int(counts["rated"]), int(counts["liked"]), counts["predicted"]) for tenth, counts in values.items()
        }
