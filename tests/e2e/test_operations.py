"""Metrics, logs and traces of a server with several workers."""

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from tests.backend.test_metrics import read
from tests.e2e.test_databases import ask_fresh_connections
from tests.support.installation import API, FAST_TRAINING, MATINEE, Installation, Server
from tests.support.waiting import DEADLINE_S, poll, wait_until

READY = ("GET", "/readyz", "200")


class Collector(BaseHTTPRequestHandler):
    """Collects posted bodies."""

    received: bytes = b""

    def do_POST(self) -> None:
        Collector.received += self.path.encode() + b" " + self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.fixture
def collector() -> Iterator[str]:
    """Run a collector of traces and return its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def two_workers(trained_demo: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with two workers, for tests that only read."""
    installation = trained_demo.copy_to(tmp_path_factory.mktemp("two-workers"))
    with installation.serve("--workers", "2", root_path="/films") as server:
        yield server


def test_any_worker_reports_the_metrics_of_all_workers(two_workers: Server) -> None:
    client = two_workers.client
    before = read(client.get("/metrics").content, "matinee_requests_total").get(READY, 0)
    ask_fresh_connections(two_workers)
    texts = [client.get("/metrics").content for _ in range(4)]

    assert [read(text, "matinee_requests_total")[READY] - before for text in texts] == [40] * 4
    assert [read(text, "matinee_model_version") for text in texts] == [{(): 1}] * 4


def test_ratings_of_recommended_movies_are_counted(installation: Installation) -> None:
    with installation.serve() as server:
        user_id = server.client.post(f"{API}/user").json()["user_id"]
        recommended = server.client.get(f"{API}/user/{user_id}/recommended-movies").json()
        for movie_id, rating in zip(recommended["movie_ids"], (5.0, 3.0), strict=False):
            body = {"user_id": user_id, "movie_id": movie_id, "rating": rating}
            assert server.client.post(f"{API}/ratings", json=body).status_code == 201

        def count(name: str) -> float:
            text = server.client.get("/metrics").content
            return sum(read(text, f"matinee_recommended_{name}_total").values())

        # Counted after the answer.
        wait_until(lambda: count("rated") == 2)
        liked, predicted = count("liked"), count("predicted")

    assert liked == 1
    assert predicted == pytest.approx(sum(recommended["probabilities"][:2]))


def test_every_log_line_is_json_when_configured(installation: Installation) -> None:
    with installation.serve("--workers", "2", log_format="json", **FAST_TRAINING) as server:
        server.wait_for_end(server.start_training())
        log = server.log

    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    loggers = {json.loads(line)["logger"] for line in lines}
    others = [line for line in log.read_text().splitlines() if not line.startswith("{")]
    assert others[0] == f"Matinee serves at {server.address} (stop it with Ctrl-C)."
    assert all(line.startswith("  ") or not line for line in others[1:])
    assert {"uvicorn.error", "server.access", "server.backend.processes"} <= loggers
    assert "uvicorn.access" not in loggers


def test_several_workers_print_their_addresses_once_they_answer(two_workers: Server) -> None:
    address = two_workers.address
    wait_until(lambda: "Proxy" in two_workers.log.read_text())
    printed = [line for line in two_workers.log.read_text().splitlines() if line.startswith(("Matinee", "  "))]

    assert printed[0] == f"Matinee serves at {address} (stop it with Ctrl-C)."
    assert printed[1:3] == [f"  Page  {address}/", f"  API   {address}/docs"]
    assert printed[-1] == "  Proxy clients reach this server at /films of the proxy's own address."


def test_the_address_of_any_free_port_is_printed_once_it_listens(installation: Installation) -> None:
    process = subprocess.Popen(
        [MATINEE, "serve", "--port", "0"],
        cwd=installation.folder,
        env=installation.environment(page="off"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[3]
        assert httpx2.get(f"{address}/livez", timeout=DEADLINE_S).status_code == 200
    finally:
        process.terminate()
        printed = process.communicate()[0]
    assert f"  API   {address}/docs" in printed
    assert "Page" not in printed


def test_traces_are_sent_to_the_configured_endpoint(
    installation: Installation, collector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")

    with installation.serve() as server:
        assert server.client.get(f"{API}/movies/1").status_code == 200
        spans = poll(lambda: Collector.received if b"FROM movies" in Collector.received else None)

    assert b"/v1/traces " in spans
    assert b"/movies/{movie_id}" in spans
    assert b"matinee" in spans
    assert b"/readyz" not in spans
