"""``make chaos``: kill a server in the middle of concurrent rating writes, again and again.

    python -m tests.e2e.tools.chaos [--rounds N] [--database sqlite|postgresql|URL]

Each round starts a server, lets writers create and delete ratings as fast as they can, kills the server with SIGKILL
after a random number of answers, and compares the answers with the rows in the database. A database named by a URL must
be empty; `postgresql` starts a server of its own. The exit code is 1 if anything was lost, half written or wrong.
"""

import argparse
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from httpx2 import Client, Response, TransportError
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from server.backend.config import Settings
from server.backend.database import Database
from server.models import Rating
from server.services.diagnostics import DoctorDataManager
from tests.support import postgres
from tests.support.installation import API, Installation, Server, on_sqlite
from tests.support.waiting import DEADLINE_S

WRITERS = 6
MOVIES = 20
"""Few, so that writers update the statistics of the same movies."""
ANSWERS_BEFORE_KILL = (1, 200)
DATABASES = ("sqlite", "postgresql")

Stars = float | None


@dataclass
class Outcome:
    """The result of all rounds; everything but the first two should be 0."""

    rounds: int = 0
    answered: int = 0
    """Writes answered 2xx."""
    lost: int = 0
    """Answered ratings that are missing from the database or differ there."""
    half: int = 0
    """Unanswered ratings that are neither as before nor as requested."""
    mismatches: int = 0
    """Rounds after which the statistics of a movie differed from a recount."""
    errors: int = 0
    """Unexpected answers: 4xx, and 5xx other than 503."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, half written or wrong."""
        return not (self.lost or self.half or self.mismatches or self.errors)


@dataclass
class Writer:
    """Creates and deletes ratings one after the other, and records which values the database may hold afterwards."""

    user_id: int
    generator: np.random.Generator
    possible: dict[int, set[Stars]] = field(default_factory=dict)
    """By movie: the last answered value, and the requested one if the last request was not answered."""
    rating_ids: dict[int, int] = field(default_factory=dict)

    def write_until_killed(self, server: Server, answers: threading.Semaphore) -> Counter[int]:
        """Write until the server is gone. Release `answers` for each answer, and return their number by status."""
        statuses: Counter[int] = Counter()
        with Client(base_url=server.address, timeout=DEADLINE_S) as client:
            while True:
                try:
                    statuses[self.write(client).status_code] += 1
                except TransportError:
                    return statuses
                answers.release()

    def write(self, client: Client) -> Response:
        """Send one request and return its response."""
        movie_id = int(self.generator.integers(1, MOVIES + 1))
        is_rated = self.possible.get(movie_id, {None}).isdisjoint({None})
        if is_rated and self.generator.random() < 0.3:
            wanted, answer = None, self._delete(client, movie_id)
        else:
            wanted = int(self.generator.integers(1, 11)) / 2
            answer = self._rate(client, movie_id, wanted)
        if answer.is_success:
            self.possible[movie_id] = {wanted}
        return answer

    def _delete(self, client: Client, movie_id: int) -> Response:
        self.possible[movie_id].add(None)
        return client.delete(f"{API}/ratings/{self.rating_ids[movie_id]}")

    def _rate(self, client: Client, movie_id: int, stars: float) -> Response:
        self.possible.setdefault(movie_id, {None}).add(stars)
        body = {"user_id": self.user_id, "movie_id": movie_id, "rating": stars}
        answer = client.post(f"{API}/ratings", json=body)
        if answer.is_success:
            self.rating_ids[movie_id] = answer.json()["rating_id"]
        return answer

    def settle(self, kept: dict[int, tuple[int, float]], outcome: Outcome) -> None:
        """Count deviations, and continue from the rows of the database: rating id and stars by movie."""
        for movie_id in self.possible.keys() | kept.keys():
            allowed = self.possible.get(movie_id, {None})
            if kept.get(movie_id, (0, None))[1] not in allowed:
                outcome.lost += len(allowed) == 1
                outcome.half += len(allowed) > 1
        self.possible = {movie_id: {stars} for movie_id, (_, stars) in kept.items()}
        self.rating_ids = {movie_id: rating_id for movie_id, (rating_id, _) in kept.items()}


@contextmanager
def opened(installation: Installation) -> Iterator[Database]:
    """Open the database directly."""
    database = Database(Settings(_env_file=None, database_url=installation.database_url))
    try:
        yield database
    finally:
        database.dispose()


def read_ratings(database: Database, user_id: int) -> dict[int, tuple[int, float]]:
    """Return the ratings of a user by movie: id and stars."""
    statement = select(Rating.movie_id, Rating.rating_id, Rating.rating).where(Rating.user_id == user_id)
    with database.transaction(writes=False) as session:
        return {movie_id: (rating_id, stars) for movie_id, rating_id, stars in session.execute(statement)}


def kill_repeatedly(installation: Installation, rounds: int) -> Outcome:
    """Kill a server `rounds` times while new users rate movies. The installation must have movies."""
    with installation.serve() as server:
        user_ids = [server.client.post(f"{API}/user").json()["user_id"] for _ in range(WRITERS)]
    # Unseeded on purpose: each run kills at other moments.
    generator = np.random.default_rng()
    writers = [Writer(user_id, child) for user_id, child in zip(user_ids, generator.spawn(WRITERS), strict=True)]
    outcome = Outcome()
    for _ in range(rounds):
        statuses = _write_and_kill(installation, writers, after=int(generator.integers(*ANSWERS_BEFORE_KILL)))
        outcome.rounds += 1
        outcome.answered += sum(count for status, count in statuses.items() if status < 300)
        outcome.errors += sum(count for status, count in statuses.items() if status >= 400 and status != 503)
        _compare(installation, writers, outcome)
    return outcome


def _write_and_kill(installation: Installation, writers: list[Writer], *, after: int) -> Counter[int]:
    answers = threading.Semaphore(0)
    with installation.serve() as server, ThreadPoolExecutor(WRITERS) as pool:
        counts = [pool.submit(writer.write_until_killed, server, answers) for writer in writers]
        for _ in range(after):
            assert answers.acquire(timeout=DEADLINE_S)
        server.end(signal.SIGKILL)
        return sum((count.result(DEADLINE_S) for count in counts), Counter())


def _compare(installation: Installation, writers: list[Writer], outcome: Outcome) -> None:
    with opened(installation) as database:
        for writer in writers:
            writer.settle(read_ratings(database, writer.user_id), outcome)
        with database.transaction(writes=False) as session:
            outcome.mismatches += DoctorDataManager(session).compare_statistics().remedy is not None


@contextmanager
def demo_on(database: str, folder: Path) -> Iterator[Installation]:
    """Load the demo into a database of this kind in the folder, or into the database of this URL."""
    if database == "postgresql":
        with postgres.server_of_its_own() as server:
            url = server.url.render_as_string(hide_password=False)
            with demo_on(url, folder) as installation:
                yield installation
        return
    installation = on_sqlite(folder) if database == "sqlite" else Installation(folder, database)
    installation.run("ingest", "demo")
    yield installation


def main() -> None:
    """Run the rounds on each database and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.tools.chaos", description="Kill servers while they write."
    )
    parser.add_argument("--rounds", type=int, default=20, help="rounds on each database (default: 20)")
    parser.add_argument(
        "--database", action="append", help="sqlite, postgresql or the URL of an empty one (default: the first two)"
    )
    options = parser.parse_args()
    table = Table("database", box=None, header_style="bold")
    for name in ("rounds", "answered 2xx", "lost", "half", "recount mismatches", "other errors"):
        table.add_column(name, justify="right")
    are_clean = True
    for name in options.database or DATABASES:
        with tempfile.TemporaryDirectory() as folder, demo_on(name, Path(folder)) as installation:
            outcome = kill_repeatedly(installation, options.rounds)
        are_clean &= outcome.is_clean
        table.add_row(name.partition(":")[0], *(f"{count:,}" for count in vars(outcome).values()))
    Console().print(table)
    sys.exit(not are_clean)


if __name__ == "__main__":
    main()
