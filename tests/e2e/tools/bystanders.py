"""``make chaos``: other clients during attacks, and requests while PostgreSQL hangs.

    python -m tests.e2e.tools.bystanders

It prints two tables; the exit code is 1 if a request had no answer in time. It measures, so run it on a quiet machine.
"""

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from httpx2 import Client, HTTPError
from rich.console import Console
from rich.table import Table

from benchmarks import generated
from tests.support import postgres
from tests.support.installation import API, Installation, Server, on_sqlite
from tests.support.passwords import ANOTHER, PASSWORD, SECRET
from tests.support.suspension import suspended, with_children
from tests.support.waiting import DEADLINE_S, poll

HEAD_MIB, CLIENTS, GUESSERS = 200, 50, 20
SECONDS = 10.0
RATINGS = 1_000_000
DEAREST = (
    f"{API}/movies?search=drama&facets=true&highlight=true&sort=rating&limit=100",
    f"{API}/user/1/recommended-movies?n=100&explain=true&expand=movies",
)
READ = f"{API}/movies/1/avg-rating"
DATABASE_TIMEOUT_S, MARGIN_S = 2.0, 5.0

Attack = Callable[[Server, threading.Event], None]


def send_endless_head(server: Server, ended: threading.Event) -> None:
    """Send a header of 200 MiB, again and again on new connections."""
    address = urlsplit(server.address)
    while not ended.is_set():
        with (
            suppress(OSError),  # the server refuses it and closes
            socket.create_connection((address.hostname or "", address.port or 0)) as connection,
        ):
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ")
            for _ in range(HEAD_MIB * 16):
                connection.sendall(b"a" * 65_536)


def read_dearly(server: Server, ended: threading.Event) -> None:
    """Send the most expensive queries from many clients."""

    def read(client: Client) -> None:
        for path in DEAREST:
            client.get(path)

    _at_once(CLIENTS, server, ended, read)


def guess_passwords(server: Server, ended: threading.Event) -> None:
    """Guess passwords of many users from many addresses, so that no limit of an account or address is reached."""

    def guess(client: Client) -> None:
        generator = np.random.default_rng()
        address = ".".join(map(str, generator.integers(1, 255, 4)))
        form = {"grant_type": "password", "username": str(generator.integers(1, 1_000_000)), "password": ANOTHER}
        client.post(f"{API}/token", data=form, headers={"X-Forwarded-For": address})

    _at_once(GUESSERS, server, ended, guess)


ATTACKS: dict[str, tuple[str, Attack | None]] = {
    "nothing": ("/livez", None),
    f"a head of {HEAD_MIB} MiB": ("/livez", send_endless_head),
    f"{CLIENTS} clients of the most expensive queries": ("/livez", read_dearly),
    "nothing, an average read": (READ, None),
    f"{GUESSERS} clients that guess a password, an average read": (READ, guess_passwords),
}


def _at_once(clients: int, server: Server, ended: threading.Event, call: Callable[[Client], None]) -> None:
    with ThreadPoolExecutor(clients) as pool:
        for _ in range(clients):
            pool.submit(_repeat, server, ended, call)


def _repeat(server: Server, ended: threading.Event, call: Callable[[Client], None]) -> None:
    with Client(base_url=server.address, timeout=DEADLINE_S) as client:
        while not ended.is_set():
            with suppress(HTTPError):
                call(client)


def measure(server: Server, path: str, attack: Attack | None) -> list[float]:
    """Return the durations of the requests of one client, in ms, while an attack goes on."""
    durations, ended = [], threading.Event()
    with ThreadPoolExecutor(1) as pool:
        attacking = None if attack is None else pool.submit(attack, server, ended)
        until = time.monotonic() + SECONDS
        try:
            while time.monotonic() < until:
                started = time.perf_counter()
                server.client.get(path).raise_for_status()
                durations.append((time.perf_counter() - started) * 1000)
        finally:
            ended.set()
        if attacking is not None:
            attacking.result(DEADLINE_S)
    return durations


def large_installation(folder: Path) -> Installation:
    """Load generated ratings, train, and give user 1 a password."""
    installation = on_sqlite(folder)
    (folder / "source").mkdir()
    generated.write_source(folder / "source", ratings=RATINGS)
    installation.run("ingest", str(folder / "source"))
    installation.run("train", "--algorithm", "ease")
    installation.run("user", "set-password", "1", typed=f"{PASSWORD}\n")
    return installation


def hang_postgresql(folder: Path) -> tuple[list[float], bool]:
    """Return the durations of requests to a server whose PostgreSQL hangs, and whether it recovered by itself."""

    def call(server: Server, number: int) -> float:
        started = time.perf_counter()
        with Client(base_url=server.address, timeout=DEADLINE_S) as client:
            if number % 2:
                client.get(f"{API}/movies/{number}/avg-rating")
            else:
                client.post(f"{API}/ratings", json={"user_id": 1, "movie_id": number, "rating": 4.0})
        return time.perf_counter() - started

    with ExitStack() as stack:
        database = stack.enter_context(postgres.server_of_its_own())
        installation = Installation(folder, database.url.render_as_string(hide_password=False))
        installation.run("ingest", "demo")
        server = stack.enter_context(installation.serve(database_timeout_s=str(DATABASE_TIMEOUT_S)))
        call(server, 1)
        with ThreadPoolExecutor(CLIENTS) as pool:
            with suspended(*with_children(database.process_id)):
                requests = [pool.submit(call, server, number) for number in range(1, CLIENTS + 1)]
                durations = [request.result(DEADLINE_S) for request in requests]
            poll(lambda: server.client.get("/readyz").is_success or None)
        return durations, server.client.get(READ).is_success


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.tools.bystanders", description="Measure other clients during attacks and faults."
    )
    parser.parse_args()
    table = Table("beside", box=None, header_style="bold")
    for column in ("requests", "p50 ms", "p99 ms", "max ms"):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        installation = large_installation(Path(folder))
        for name, (path, attack) in ATTACKS.items():
            guesses = {"auth": "on", "auth_secret": SECRET} if attack is guess_passwords else {}
            with installation.serve(log_level="error", **guesses) as server:
                durations = measure(server, path, attack)
            shown = (*np.percentile(durations, [50, 99]), max(durations))
            table.add_row(name, str(len(durations)), *(f"{value:.1f}" for value in shown))
    Console(width=120).print(table)
    with tempfile.TemporaryDirectory() as folder:
        hung, has_recovered = hang_postgresql(Path(folder))
    limit_s = DATABASE_TIMEOUT_S + MARGIN_S
    print(  # noqa: T201 (a command)
        f"{len(hung)} requests while PostgreSQL hangs: the slowest took {max(hung):.1f} s (limit {limit_s:.0f} s); "
        f"{'recovered' if has_recovered else 'not recovered'} by itself"
    )
    sys.exit(max(hung) > limit_s or not has_recovered)


if __name__ == "__main__":
    main()
