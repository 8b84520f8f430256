"""The Prometheus metrics of a serving process."""

import os
from collections import defaultdict

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# If this is set before prometheus_client is imported, processes that share it count in files of this folder, and each
# of them can report the sum.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUEST_LABELS = ("method", "route", "status")
PROBABILITY_LABELS = ("probability",)
OUTCOME_SAMPLES = tuple(f"matinee_recommended_{name}_total" for name in ("rated", "liked", "predicted"))


class Metrics:
    """The metrics of one app. Two apps share them only through `SHARED_FOLDER`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter("matinee_requests", "Answered requests.", REQUEST_LABELS)
        self._durations = Histogram(
            "matinee_request_duration_seconds",
            "Time from the arrival of a request to the last byte of its response.",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self._of_requests: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._rated = self._counter(
            "matinee_recommended_rated",
            "Rated movies that were in the user's last list, by tenth of the predicted probability.",
            PROBABILITY_LABELS,
        )
        self._liked = self._counter(
            "matinee_recommended_liked", "Those of them that were rated 4 stars or more.", PROBABILITY_LABELS
        )
        self._predicted = self._counter(
            "matinee_recommended_predicted", "Sum of their predicted probabilities.", PROBABILITY_LABELS
        )

    def count_request(self, method: str, route: str, status: int, duration_s: float) -> None:
        """Count a response and its duration."""
        key = (method, route, status)
        found = self._of_requests.get(key)
        if found is None:
            # Looking them up by their labels takes longer than counting: the benchmark row "average".
            found = self._requests.labels(method, route, str(status)), self._durations.labels(method, route)
            self._of_requests[key] = found
        requests, durations = found
        requests.inc()
        durations.observe(duration_s)

    def count_outcome(self, probability: float, *, liked: bool) -> None:
        """Count the rating of a recommended movie, by tenth of its probability: "0.7" is from 0.7 to below 0.8."""
        tenth = tenth_of(probability)
        self._rated.labels(tenth).inc()
        self._liked.labels(tenth).inc(liked)
        self._predicted.labels(tenth).inc(probability)

    def read_outcomes(self) -> dict[str, tuple[int, int, float]]:
        """Return, by tenth of the probability, the number of ratings, of those with 4 stars or more, and the sum."""
        sums: dict[str, dict[str, float]] = defaultdict(dict)
        for sample in (sample for metric in self._counted().collect() for sample in metric.samples):
            if sample.name in OUTCOME_SAMPLES:
                sums[sample.labels["probability"]][sample.name] = sample.value
        counted = {tenth: [values.get(name, 0.0) for name in OUTCOME_SAMPLES] for tenth, values in sums.items()}
        return {tenth: (int(rated), int(liked), predicted) for tenth, (rated, liked, predicted) in counted.items()}

    def render(self, *others: Collector) -> bytes:
        """Return the metrics of this process, or of all that share them, and those of other collectors as text."""
        collected = CollectorRegistry()
        for other in others:
            collected.register(other)
        return generate_latest(self._counted()) + generate_latest(collected)

    def _counted(self) -> CollectorRegistry:
        """Return the counts of this process, or of all that share a folder."""
        if SHARED_FOLDER not in os.environ:
            return self.registry
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # its signature has no types
        return counted

    def _counter(self, name: str, description: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, description, labels, registry=self.registry)


def tenth_of(probability: float) -> str:
    """Return the lower bound of the tenth of a probability, such as "0.7"."""
    return f"{int(probability * 10) / 10:.1f}"
