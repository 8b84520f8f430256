import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from server.backend.metrics import SHARED_FOLDER, Metrics

Samples = dict[tuple[str, ...], float]


def read(text: bytes, name: str) -> Samples:
    """Return the samples of one name by the values of their labels, ordered by the names of the labels."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name
    }


class Constant(Collector):
    """Collects one number."""

    def collect(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("matinee_constant", "Always the same.", value=7)]


def test_requests_are_counted_by_method_route_and_status() -> None:
    metrics = Metrics()

    for status in (200, 200, 404):
        metrics.count_request("GET", "/movies/{movie_id}", status, 0.004)

    text = metrics.render()
    assert read(text, "matinee_requests_total") == {
        ("GET", "/movies/{movie_id}", "200"): 2,
        ("GET", "/movies/{movie_id}", "404"): 1,
    }
    buckets = read(text, "matinee_request_duration_seconds_bucket")
    assert [buckets[edge, "GET", "/movies/{movie_id}"] for edge in ("0.0025", "0.005", "+Inf")] == [0, 3, 3]


def test_outcomes_are_counted_by_the_tenth_of_their_probability() -> None:
    metrics = Metrics()

    metrics.count_outcome(0.75, liked=True)
    metrics.count_outcome(0.7, liked=False)
    metrics.count_outcome(0.05, liked=False)

    text = metrics.render()
    assert read(text, "matinee_recommended_rated_total") == {("0.7",): 2, ("0.0",): 1}
    assert read(text, "matinee_recommended_liked_total") == {("0.7",): 1, ("0.0",): 0}
    assert read(text, "matinee_recommended_predicted_total") == {("0.7",): 1.45, ("0.0",): 0.05}


def test_two_of_them_share_nothing() -> None:
    one, other = Metrics(), Metrics()

    one.count_request("GET", "/livez", 200, 0.001)

    assert read(other.render(), "matinee_requests_total") == {}


def test_metrics_of_other_collectors_are_rendered_too() -> None:
    assert read(Metrics().render(Constant()), "matinee_constant") == {(): 7}


def test_processes_with_a_shared_folder_tell_the_sum(tmp_path: Path) -> None:
    script = (
        "import sys; from server.backend.metrics import Metrics; metrics = Metrics();"
        "metrics.count_request('GET', '/livez', 200, 0.001); sys.stdout.buffer.write(metrics.render())"
    )
    environment = os.environ | {SHARED_FOLDER: str(tmp_path)}

    texts = [
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    ]

    assert [read(text, "matinee_requests_total") for text in texts] == [
        {("GET", "/livez", "200"): 1},
        {("GET", "/livez", "200"): 2},
    ]
