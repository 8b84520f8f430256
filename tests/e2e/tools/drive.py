"""``make drive``: drive a whole cluster for minutes while its parts are killed in turn.

    python -m tests.e2e.tools.drive [--minutes N]

Writers create and delete ratings, readers read pages and recommendations, and trainings are requested, all through the
proxy. At the end the answers are compared with the rows in the database. The exit code is 1 if anything was lost, half
written or wrong, or if a response was a 5xx other than a 503 with ``Retry-After``. Needs nginx, PgBouncer and Redis.
"""

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from httpx2 import Client, Response, TransportError
from rich.console import Console
from rich.table import Table

from server.services.diagnostics import DoctorDataManager
from tests.e2e.tools.chaos import Outcome as Comparison
from tests.e2e.tools.chaos import Writer, opened, read_ratings
from tests.e2e.tools.cluster import Cluster, Part, running_cluster
from tests.support.installation import API, ENDED, ENGINE
from tests.support.waiting import wait_until

WRITERS, READERS = 4, 4
DOWN_S = 4.0
"""How long a part is gone. The time until everything answers again is measured on top."""
PAUSE_S = 3.0
"""Time without faults between two kills."""
TRAINING_INTERVAL_S = 10.0
REQUEST_INTERVAL_S = 0.02
"""The pause of each client between two requests, so that the machine is not busy with the clients."""
TIMEOUT_S = 60.0

READS = (
    "/movies?search=the&limit=20",
    "/movies?sort=popularity&facets=true",
    "/movies/{id}",
    "/movies/{id}/avg-rating",
    "/user/{id}/ratings?expand=movies",
    "/user/{id}/recommended-movies?expand=movies",
    "/genres",
    "/statistics",
)


@dataclass
class Tally:
    """The responses of a period."""

    kills: int = 0
    recovery_s: list[float] = field(default_factory=list)
    """Seconds from each restart until both servers and the proxy were ready."""
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> int:
        """The number of responses below 500."""
        return sum(count for kind, count in self.statuses.items() if kind in {"2xx", "3xx", "4xx"})


class Drive:
    """Clients of a cluster, and what they were answered, by the part that was killed last."""

    def __init__(self, cluster: Cluster, parts: Sequence[Part]) -> None:
        self.cluster = cluster
        self.parts = parts
        self.tallies: dict[str, Tally] = {"none": Tally()}
        self.wrong: Counter[str] = Counter()
        """Responses that must not be: 5xx other than 503 with ``Retry-After``, and unexpected 4xx."""
        self.runs: set[str] = set()
        self._current = self.tallies["none"]
        self._stopped = threading.Event()

    def run(self, seconds: float) -> Comparison:
        """Kill every part in turn for that long, at least once each, and compare the answers with the database."""
        with self._client() as client:
            user_ids = [client.post(f"{API}/user").json()["user_id"] for _ in range(WRITERS)]
        generators = np.random.default_rng().spawn(WRITERS)
        writers = [Writer(*pair) for pair in zip(user_ids, generators, strict=True)]
        with ThreadPoolExecutor(WRITERS + READERS + 1) as pool:
            clients = [pool.submit(self._repeat, writer.write) for writer in writers]
            clients += [pool.submit(self._repeat, _read) for _ in range(READERS)]
            clients.append(pool.submit(self._repeat, self._train, TRAINING_INTERVAL_S))
            try:
                self._kill_in_turn(time.monotonic() + seconds)
            finally:
                self._stopped.set()
            for ended in clients:
                ended.result()
        return self._compare(writers)

    def _kill_in_turn(self, until: float) -> None:
        self._stopped.wait(PAUSE_S)
        turns = 0
        while turns < len(self.parts) or time.monotonic() < until:
            self._kill(self.parts[turns % len(self.parts)])
            turns += 1

    def _kill(self, part: Part) -> None:
        self._current = self.tallies.setdefault(part.name, Tally())
        self._current.kills += 1
        part.kill()
        self._stopped.wait(DOWN_S)
        part.start()
        started_at = time.monotonic()
        wait_until(self.cluster.is_ready)
        self._current.recovery_s.append(time.monotonic() - started_at)
        self._stopped.wait(PAUSE_S)

    def _repeat(self, request: Callable[[Client], Response], interval_s: float = REQUEST_INTERVAL_S) -> None:
        """Send requests until the end. One that is not answered is not repeated at once."""
        with self._client() as client:
            while not self._stopped.wait(interval_s):
                tally = self._current
                try:
                    response = request(client)
                except TransportError:
                    tally.statuses["no answer"] += 1
                    self._stopped.wait(0.1)
                    continue
                tally.statuses[self._classify(response)] += 1

    def _classify(self, response: Response) -> str:
        status = response.status_code
        if status == 503 and "Retry-After" in response.headers:
            return "503"
        if status >= 400:
            self.wrong[f"{status} {response.request.method} {response.request.url.path}: {response.text[:200]}"] += 1
        return f"{status // 100}xx"

    def _train(self, client: Client) -> Response:
        response = client.post(ENGINE)
        if response.status_code == 202:
            self.runs.add(response.headers["Location"])
        return response

    def _compare(self, writers: list[Writer]) -> Comparison:
        comparison = Comparison()
        wait_until(self.cluster.is_ready)
        with opened(self.cluster.direct) as database:
            for writer in writers:
                writer.settle(read_ratings(database, writer.user_id), comparison)
            with database.transaction(writes=False) as session:
                comparison.mismatches += DoctorDataManager(session).compare_statistics().remedy is not None
        return comparison

    def end_of_runs(self) -> Counter[str]:
        """Wait until every accepted training has ended, train once more, and return the number of runs by status."""
        with self._client() as client:
            last = client.post(ENGINE).headers["Location"]
            wait_until(lambda: _status(client, last) in ENDED)
            return Counter(_status(client, run) for run in {*self.runs, last})

    def served_versions(self) -> set[str]:
        """Return the model versions that the servers serve, after each has followed."""

        def read() -> set[str]:
            lists = [f"{server}{API}/user/1/recommended-movies" for server in self.cluster.servers]
            with self._client() as client:
                return {client.get(url).headers["X-Model-Version"] for url in lists}

        wait_until(lambda: len(read()) == 1)
        return read()

    def _client(self) -> Client:
        return Client(base_url=self.cluster.address, timeout=TIMEOUT_S)


def _read(client: Client) -> Response:
    path = random.choice(READS).format(id=random.randint(1, 60))  # noqa: S311 (no secret)
    return client.get(API + path)


def _status(client: Client, run: str) -> str:
    response = client.get(run)
    return str(response.json()["status"]) if response.is_success else "unknown"


def print_table(drive: Drive) -> None:
    """Print the responses by the part that was killed last."""
    table = Table("killed part", box=None, header_style="bold")
    for name in ("kills", "ready after", "2xx and 3xx", "503", "no answer", "wrong"):
        table.add_column(name, justify="right")
    for part, tally in drive.tallies.items():
        wrong = sum(count for kind, count in tally.statuses.items() if kind in {"4xx", "5xx"})
        recovery = f"{max(tally.recovery_s):.1f} s" if tally.recovery_s else "-"
        counts = (tally.answered, tally.statuses["503"], tally.statuses["no answer"], wrong)
        table.add_row(part, str(tally.kills), recovery, *(f"{count:,}" for count in counts))
    Console(width=110).print(table)


def main() -> None:
    """Drive a cluster, and print what its clients have seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.tools.drive", description="Kill parts of a cluster.")
    parser.add_argument("--minutes", type=float, default=5, help="at least this long, and each part once (default: 5)")
    parser.add_argument("--part", action="append", help="kill only this part, such as Redis; repeatable (default: all)")
    options = parser.parse_args()
    console = Console(width=110)
    with running_cluster() as cluster:
        cluster.start()
        try:
            drive = Drive(cluster, [part for part in cluster.parts if not options.part or part.name in options.part])
            comparison = drive.run(options.minutes * 60)
            runs, versions = drive.end_of_runs(), drive.served_versions()
        finally:
            cluster.stop()
    print_table(drive)
    lost = f"lost {comparison.lost}, half written {comparison.half}, wrong statistics {comparison.mismatches}"
    console.print(f"ratings: {lost}")
    console.print(f"trainings: {dict(runs)}; version served by both servers: {', '.join(versions)}")
    for wrong, count in drive.wrong.most_common(20):
        console.print(f"{count} x {wrong}", markup=False)
    sys.exit(bool(drive.wrong) or not comparison.is_clean or len(versions) != 1)


if __name__ == "__main__":
    main()
