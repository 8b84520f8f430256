"""What a serving process counts, in the terms of Prometheus."""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# Where it is set before the first import of prometheus_client, the processes that share it count in files of this
# folder, and any of them can tell the sum.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUEST_LABELS = ("method", "route", "status")
PROBABILITY_LABELS = ("probability",)


class Metrics:
    """The counters of one app. Nothing is shared between two apps but through `SHARED_FOLDER`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter("matinee_requests", "Requests answered.", REQUEST_LABELS)
        self._durations = Histogram(
            "matinee_request_duration_seconds",
            "From the request's arrival to the last byte of its answer.",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._rated = self._counter(
            "matinee_recommended_rated",
            "Movies rated by users to whom they had been recommended, by the probability that was told.",
            PROBABILITY_LABELS,
        )
        self._liked = self._counter(
            "matinee_recommended_liked", "Of those, the ones rated with 4 stars or more.", PROBABILITY_LABELS
        )
        self._predicted = self._counter(
            "matinee_recommended_predicted", "Sum of the probabilities that were told of those.", PROBABILITY_LABELS
        )

    def count_request(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count an answer, and the time it took."""
        self._requests.labels(method, route, str(status)).inc()
        self._durations.labels(method, route).observe(duration_s)

    def count_outcome(self, probability: float, *, liked: bool) -> None:
        """Count what came of a recommendation with this probability, in its tenth: "0.7" is from 0.7 to below 0.8."""
        tenth = f"{int(probability * 10) / 10:.1f}"
        self._rated.labels(tenth).inc()
        self._liked.labels(tenth).inc(liked)
        self._predicted.labels(tenth).inc(probability)

    def render(self, *others: Collector) -> bytes:
        """Write all that was counted, here or by all processes together, and what others collect at this moment."""
        counted, collected = self.registry, CollectorRegistry()
        if SHARED_FOLDER in os.environ:
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # its signature has no types
        for other in others:
            collected.register(other)
        return generate_latest(counted) + generate_latest(collected)

    def _counter(self, name: str, what: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, what, labels, registry=self.registry)
