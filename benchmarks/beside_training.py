"""Serving while a training runs, beside the same requests when none does."""

import http.client
import json
import sys
import time
from collections.abc import Callable
from contextlib import closing

from benchmarks.servers import API, matinee_server
from benchmarks.train import train_where_needed
from benchmarks.workbench import Workbench, percentiles_ms, size_of
from server.services.user import UserDataManager

REQUESTS = 300
RUN_DEADLINE_S = 900


def run(bench: Workbench) -> None:
    """Print milliseconds a request, one after the other, idle and during a training."""
    with bench.loaded_database() as database, database.transaction(writes=False) as session:
        size, user = size_of(database), UserDataManager(session).find_first()
    train_where_needed(bench.settings)
    with matinee_server(bench.settings, on_one_core=False) as server:
        port = server.port
        paths = {
            "nothing (/livez)": "/livez",
            "movies, page 1": f"{API}/movies",
            "movies, page 20": f"{API}/movies?page=20",
            "search": f"{API}/movies?search=the+matrix",
            "search, genre and order": f"{API}/movies?search=the&genre=Drama&sort=rating",
            "average rating": f"{API}/movies/1/avg-rating",
            "recommended movies": f"{API}/user/{user}/recommended-movies",
            "recommended, with movies": f"{API}/user/{user}/recommended-movies?expand=movies",
            "recommended, explained": f"{API}/user/{user}/recommended-movies?explain=true",
            "similar movies": f"{API}/movies/1/similar",
            "similar, with movies": f"{API}/movies/1/similar?expand=movies",
        }
        idle: dict[str, list[float]] = {name: [] for name in paths}
        training: dict[str, list[float]] = {name: [] for name in paths}
        # In the same order as during the training, because a long search displaces the processor's caches for the next.
        for _ in range(REQUESTS):
            _ask_all(port, paths, idle)
        _train(port, lambda: _ask_all(port, paths, training))
    nothing = percentiles_ms(idle["nothing (/livez)"])[0]
    rows = []
    for name in paths:
        p50, p99, _ = percentiles_ms(idle[name])
        busy_p50, busy_p99, slowest = percentiles_ms(training[name])
        rows.append((name, p50, p99, p50 / nothing, busy_p50, busy_p99, busy_p99 / p99, slowest))
    header = ("", "p50 ms", "p99 ms", "of nothing", "training: p50 ms", "p99 ms", "of idle p99", "slowest ms")
    bench.show(f"One worker on SQLite, {size}, idle and while a training runs", header, rows)


def _ask_all(port: int, paths: dict[str, str], durations: dict[str, list[float]]) -> None:
    for name, path in paths.items():
        durations[name].append(_get(port, path))


def _get(port: int, path: str) -> float:
    """Send one request on a new connection, and return the seconds until the response is read."""
    started = time.perf_counter()
    _ask(port, "GET", path)
    return time.perf_counter() - started


def _ask(port: int, method: str, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
    if response.status >= 400:
        sys.exit(f"{method} {path} answered {response.status}: {body.decode()}")
    return response, body


def _train(port: int, meanwhile: Callable[[], object]) -> None:
    """Train through the API; calls `meanwhile` again and again until the run has ended."""
    response, _ = _ask(port, "POST", f"{API}/recommendation-engine")
    run = response.headers["Location"]
    deadline = time.monotonic() + RUN_DEADLINE_S
    while time.monotonic() < deadline:
        meanwhile()
        status = json.loads(_ask(port, "GET", run)[1])["status"]
        if status in {"succeeded", "failed"}:
            break
    # The serving process takes the new version in within half a second.
    time.sleep(1)
