"""Ingestion, beside the plainest bulk load of the same rating rows that Python's own sqlite3 can do."""

import csv
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from benchmarks.workbench import Workbench, print_table

T = TypeVar("T")


def run(bench: Workbench) -> None:
    """Print seconds and rows a second of a first load, a second one, and the bare one."""
    with bench.empty_database() as database:
        first_s, report = _timed(lambda: bench.load_into(database))
        second_s, _ = _timed(lambda: bench.load_into(database))
    rows = report.ratings.read
    table = [("Matinee, first load", first_s, rows / first_s), ("Matinee, the same again", second_s, rows / second_s)]
    ratings = bench.source / "ratings.csv"
    if ratings.is_file():
        bare_s, _ = _timed(lambda: _load_bare(ratings, bench.folder / "bare.db"))
        table.append(("bare: csv + executemany, one unchecked table", bare_s, rows / bare_s))
    print_table(f"Ingestion of {rows:,} ratings", ("", "s", "ratings/s"), table)


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def _load_bare(ratings: Path, target: Path) -> None:
    with closing(sqlite3.connect(target)) as connection, ratings.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        next(rows)
        connection.execute("CREATE TABLE ratings (user_id, movie_id, stars, rated_at, PRIMARY KEY (user_id, movie_id))")
        connection.executemany("INSERT INTO ratings VALUES (?, ?, ?, ?)", rows)
        connection.commit()
