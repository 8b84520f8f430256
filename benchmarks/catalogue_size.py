"""A large catalogue: ingestion, training, memory of a worker, and how long searches and lists take.

    python -m benchmarks.catalogue_size [--movies N] [--ratings N] [--only-ingestion] [--write FILE]

The ratings are generated into a temporary folder (``TMPDIR``), which needs about 3 GB for a million movies and 20
million ratings. Lists are asked for users whose lists are not cached.
"""

import argparse
import os
import tempfile
import urllib.parse
from pathlib import Path

import numpy as np
from sqlalchemy import select

from benchmarks.__main__ import write_tables
from benchmarks.generated import FIRST_WORDS, SECOND_WORDS, write_source
from benchmarks.ingest import load_with_matinee
from benchmarks.load import put_under_load
from benchmarks.processes import Cost, measure, measure_here
from benchmarks.servers import API, Server, matinee_server
from benchmarks.train import train
from benchmarks.workbench import SQLITE, Workbench, percentiles_ms
from server.backend.config import Settings
from server.backend.database import Database
from server.models import Movie, User
from server.services.live.catalogue import store_index

NAME = "catalogue-size"
SECONDS, ASKED_ABOUT = 5.0, 2_000
HEADER = ("", "s", "peak MB")

Row = tuple[object, ...]


def main() -> None:
    """Generate, load, train, serve, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.catalogue_size", description="Measure large catalogues."
    )
    parser.add_argument("--movies", type=int, default=1_000_000, help="number of movies (default: %(default)s)")
    parser.add_argument("--ratings", type=int, default=20_000_000, help="number of ratings (default: %(default)s)")
    parser.add_argument("--only-ingestion", action="store_true", help="end after the ingestion")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the tables into this Markdown file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source = write_source(folder / "source", ratings=options.ratings, movies=options.movies)
        bench = Workbench(source, folder)
        size = f"{options.movies:,} movies, {options.ratings:,} ratings, on {os.cpu_count()} cores"
        run(bench, size, only_ingestion=options.only_ingestion)
    if options.write is not None:
        write_tables(options.write, NAME, bench.shown)


def measure_ingestion(bench: Workbench, settings: Settings) -> list[Row]:
    """Measure an ingestion in a process of its own, and in it the load without the search index."""
    ingestion = measure(ingest, bench.source, settings)
    load = ingestion.result
    return [
        ("ingestion, before the search index", load.seconds, f"{load.peak_mb:,.0f}"),
        ("ingestion, with the search index", ingestion.seconds, f"{ingestion.peak_mb:,.0f}"),
    ]


def ingest(source: Path, settings: Settings) -> Cost[None]:
    """Load a source and store its search index, as ``matinee ingest`` does. Return the cost of the load."""
    cost = measure_here(load_with_matinee, source, settings)
    database = Database(settings)
    store_index(database)
    database.dispose()
    return cost


def run(bench: Workbench, size: str, *, only_ingestion: bool = False) -> None:
    """Measure the steps in processes of their own, and then a server."""
    with bench.scratch(SQLITE) as settings:
        steps = measure_ingestion(bench, settings)
        if only_ingestion:
            bench.show(size, HEADER, steps)
        else:
            measure_use(bench, settings, size, steps)


def measure_use(bench: Workbench, settings: Settings, size: str, steps: list[Row]) -> None:
    """Measure a training in a process of its own, and then a server."""
    training = measure(train, settings, "ease")
    rows: list[Row] = [*steps, ("training", training.seconds, f"{training.peak_mb:,.0f}")]
    with matinee_server(settings, on_one_core=False) as server:
        rows.append(("start of a worker", server.started_in_s, f"{server.memory_mb:,.0f}"))
        questions = [(name, *_ask(server, paths)) for name, paths in choose_paths(settings).items()]
        rows.append(("a worker after all requests", "", f"{server.memory_mb:,.0f}"))
    data, metrics = training.result.card.data, training.result.card.metrics
    assert metrics is not None  # noqa: S101 (a benchmark has enough ratings)
    bench.show(size, HEADER, rows)
    bench.show("One worker, one request at a time", ("", "p50 ms", "p99 ms"), questions)
    bench.show(
        "Quality",
        ("", ""),
        [
            ("movies with personal scores", f"{data.modelled_movies:,}"),
            ("ratings of those", f"{data.modelled_ratings / data.ratings:.1%}"),
            ("NDCG@10", f"{metrics.ndcg_at_10:.4f}"),
            ("evaluated users", f"{metrics.evaluated_users:,}"),
        ],
    )


def choose_paths(settings: Settings) -> dict[str, list[str]]:
    """Choose the requests from the contents of the database."""
    database = Database(settings)
    with database.transaction(writes=False) as session:
        users = list(session.scalars(select(User.user_id).order_by(User.user_id).limit(ASKED_ABOUT)))
        movies = list(session.scalars(select(Movie.movie_id).order_by(Movie.movie_id).limit(ASKED_ABOUT)))
    database.dispose()
    random = np.random.default_rng(0)
    pairs = [(random.choice(FIRST_WORDS), random.choice(SECOND_WORDS)) for _ in range(200)]
    searches = [f"{first} {second} {random.integers(len(movies))}" for first, second in pairs]
    return {
        "search, two words and a number": [_search(text) for text in searches],
        "search, two words": [_search(f"{first} {second}") for first, second in pairs],
        "search, one word unfinished": [_search(first[:4]) for first, _ in pairs],
        "recommended movies": [f"{API}/user/{user_id}/recommended-movies" for user_id in users],
        "similar movies": [f"{API}/movies/{movie_id}/similar" for movie_id in movies],
    }


def _search(text: str) -> str:
    return f"{API}/movies?search={urllib.parse.quote_plus(text)}"


def _ask(server: Server, paths: list[str]) -> tuple[float, float]:
    put_under_load(server.port, paths[:1], seconds=0.1, connections=1)
    p50, p99, _ = percentiles_ms(put_under_load(server.port, paths[1:], seconds=SECONDS, connections=1).durations_s)
    return p50, p99


if __name__ == "__main__":
    main()
