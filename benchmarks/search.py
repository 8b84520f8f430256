"""``make bench-search``: the search beside SQLite's FTS5, PostgreSQL's pg_trgm and tantivy, on the same queries.

    python -m benchmarks.search [--data SOURCE] [--titles MOVIES_CSV] [--queries N] [--seed N]

Queries are generated from the titles of films with at least 20 ratings, by kind (``search_queries.py``), and read from
``golden_queries.csv``. With ``--titles`` everything is measured again with the larger catalogue of that file and the
ratings of SOURCE; all editions of MovieLens share their ids. Finally the queries are sent to a server.
"""

import argparse
import csv
import http.client
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from sqlalchemy import select

from benchmarks.hostile_queries import ROUNDS, hostile_queries
from benchmarks.search_peers import HITS, Engine, contenders
from benchmarks.search_queries import GOLDEN, Film, Query, golden_queries, make_queries
from benchmarks.servers import API, matinee_server, off_the_first_core
from benchmarks.workbench import SQLITE, Workbench, print_table
from server.backend.database import Database
from server.etl.demo import write_demo
from server.models import Movie, Rating
from server.search.index import SearchIndex, build_index
from server.services.live.catalogue import CatalogueDataManager
from tests.support import postgres

QUERIES_A_KIND = 150
SEED = 0
WARM_UP = 20


class Answer(NamedTuple):
    """The rank of the film that was meant, 0 if it is not among the hits, the duration, and the CPU time of it here."""

    kind: str
    rank: int
    seconds: float
    cpu_s: float


@dataclass(frozen=True)
class Options:
    """The number of queries of each kind, and the seed that selects them."""

    queries: int = QUERIES_A_KIND
    seed: int = SEED


def run(bench: Workbench, options: Options = Options()) -> None:
    """Print the quality by engine and kind of query, the time by engine, and the time over HTTP."""
    with bench.loaded_database() as database:
        films = read_films(database)
    queries = [*golden_queries(films), *make_queries(films, a_kind=options.queries, seed=options.seed)]
    documents = [film.document for film in films]
    with postgres.running_server() as server, postgres.database(server, "bench_search") as url:
        address = url.render_as_string(hide_password=False)
        with contenders(documents, address) as engines:
            answers = {name: [_ask(engine, query) for query in queries] for name, engine in engines.items()}
    _print_quality(f"{len(films):,} movies", answers)
    _print_times(answers)
    _print_hostile(films, options.seed)
    _print_serving(bench, queries)


def read_films(database: Database) -> list[Film]:
    """Return the searchable movies with the titles of their source."""
    with database.transaction(writes=False) as session:
        sources = dict(iter(session.execute(select(Movie.movie_id, Movie.source_title))))
        documents = list(CatalogueDataManager(session).documents())
    return [Film(document, sources[document.movie_id]) for document in documents]


def _ask(engine: Engine, query: Query) -> Answer:
    started, cpu_started = time.perf_counter(), time.thread_time()
    found = engine.search(query.text)
    cpu_s, seconds = time.thread_time() - cpu_started, time.perf_counter() - started
    return Answer(query.kind, found.index(query.movie_id) + 1 if query.movie_id in found else 0, seconds, cpu_s)


def _print_quality(title: str, answers: dict[str, list[Answer]]) -> None:
    """Print one table for each measure: engines in columns, kinds of queries in rows."""
    by_engine = [_ranks_by_kind(given) for given in answers.values()]
    kinds = list(by_engine[0])
    for measure, score in MEASURES.items():
        scores = np.array([[score(ranks[kind]) for ranks in by_engine] for kind in kinds])
        rows = [
            (kind, len(by_engine[0][kind]), *(f"{value:.3f}" for value in row))
            for kind, row in zip(kinds, scores, strict=True)
        ]
        mean = np.mean([row for kind, row in zip(kinds, scores, strict=True) if kind != GOLDEN], axis=0)
        rows.append(("mean of the kinds, without golden", "", *(f"{value:.3f}" for value in mean)))
        print_table(f"Search of {title}: {measure}", ("", "queries", *answers), rows)


def _ranks_by_kind(answers: Sequence[Answer]) -> dict[str, list[int]]:
    ranks: dict[str, list[int]] = defaultdict(list)
    for answer in answers:
        ranks[answer.kind].append(answer.rank)
    return ranks


def _hit_at_1(ranks: Sequence[int]) -> float:
    return ranks.count(1) / len(ranks)


def _hit_at_10(ranks: Sequence[int]) -> float:
    return np.count_nonzero(ranks) / len(ranks)


def _mrr_at_10(ranks: Sequence[int]) -> float:
    return sum(1 / rank for rank in ranks if rank) / len(ranks)


MEASURES = {"hit@1": _hit_at_1, "hit@10": _hit_at_10, "MRR@10": _mrr_at_10}


def _print_times(answers: dict[str, list[Answer]]) -> None:
    """Print durations, and CPU time of this process: that of PostgreSQL is spent in another one."""
    rows = [
        (
            name,
            *_percentiles_ms([answer.seconds for answer in given]),
            *_percentiles_ms([answer.cpu_s for answer in given]),
        )
        for name, given in answers.items()
    ]
    columns = ("", "p50", "p95", "p99", "CPU p50", "CPU p95", "CPU p99")
    print_table("Milliseconds a query, in process", columns, rows)


def _print_hostile(films: Sequence[Film], seed: int) -> None:
    """Print the CPU time of the most expensive queries, each searched for the first time."""
    index = build_index(film.document for film in films)
    rows = []
    for kind, texts in hostile_queries(films, seed).items():
        is_slow = [not index.is_fast(text) for text in texts]
        times = [_cpu_ms(index, text) for text in texts]
        fast = [ms for ms, slow in zip(times, is_slow, strict=True) if not slow]
        rows.append((kind, len(texts), float(np.mean(times)), max(times), sum(is_slow), max(fast, default=0.0)))
    columns = ("", "queries", "mean", "max", "off the event loop", "max on the event loop")
    print_table("Milliseconds of CPU time of hostile queries", columns, rows)


def _cpu_ms(index: SearchIndex, text: str) -> float:
    """Return the least CPU time of some searches, none of which finds the words in the cache."""
    times = []
    for _ in range(ROUNDS):
        cold = SearchIndex(index.movie_ids, index.postings, index.popularity)
        started = time.thread_time()
        cold.search(text).first(HITS)
        times.append(time.thread_time() - started)
    return min(times) * 1000


def _print_serving(bench: Workbench, queries: Sequence[Query]) -> None:
    """Send all queries to a server with one worker, one after the other, on one connection."""
    with bench.scratch(SQLITE) as settings, matinee_server(settings) as server:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
            for query in queries[:WARM_UP]:
                _get(connection, _path(query))
        empty_mb = server.memory_mb
    with (
        matinee_server(bench.settings) as server,
        off_the_first_core(),
        closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection,
    ):
        start_s = server.started_in_s + _get(connection, f"{API}/movies?search=matrix")
        for query in queries[:WARM_UP]:
            _get(connection, _path(query))
        search = [_get(connection, _path(query)) for query in queries]
        page = [_get(connection, f"{API}/movies?page=2") for _ in queries]
        nothing = [_get(connection, "/livez") for _ in queries]
        extra_mb = server.memory_mb - empty_mb
    rows = [
        (name, *_percentiles_ms(seconds))
        for name, seconds in {"search": search, "a page without search": page, "nothing (/livez)": nothing}.items()
    ]
    title = (
        f"Milliseconds a request, one worker, first search answered {start_s:.1f} s after its start, "
        f"{extra_mb:.0f} MB more than with an empty catalogue"
    )
    print_table(title, ("", "p50", "p95", "p99"), rows)


def _path(query: Query) -> str:
    return f"{API}/movies?search={quote(query.text)}"


def _get(connection: http.client.HTTPConnection, path: str) -> float:
    started = time.perf_counter()
    connection.request("GET", path)
    connection.getresponse().read()
    return time.perf_counter() - started


def _percentiles_ms(seconds: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.percentile(np.array(seconds) * 1000, [50, 95, 99]))


def with_titles(bench: Workbench, titles: Path, folder: Path) -> Workbench:
    """Return a workbench with other titles and the ratings of a given one."""
    source = folder / "source"
    source.mkdir(parents=True)
    shutil.copyfile(titles, source / "movies.csv")
    with bench.loaded_database() as database, database.transaction(writes=False) as session:
        rows = session.execute(select(Rating.user_id, Rating.movie_id, Rating.rating, Rating.rated_at))
        with (source / "ratings.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("userId", "movieId", "rating", "timestamp"))
            writer.writerows((user, movie, rating, int(moment.timestamp())) for user, movie, rating, moment in rows)
    return Workbench(source, folder)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description="Measure the search.")
    parser.add_argument("--data", type=Path, help="a MovieLens folder or zip (default: the built-in demo)")
    parser.add_argument("--titles", type=Path, help="a movies.csv of a larger catalogue with the same ids")
    parser.add_argument("--queries", type=int, default=QUERIES_A_KIND, help="of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="makes other queries (default: %(default)s)")
    given = parser.parse_args()
    options = Options(given.queries, given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Workbench(given.data or write_demo(folder / "demo"), folder / "data")
        run(bench, options)
        if given.titles:
            run(with_titles(bench, given.titles, folder / "titles"), options)


if __name__ == "__main__":
    main()
