"""``make bench``: measure ingestion, training, search and serving, each beside a baseline.

    python -m benchmarks [--data FOLDER | --ratings N] [--write FILE] [NAME ...]

`FOLDER` holds MovieLens files. Without it, `N` ratings are generated, or the built-in demo is used. Everything else is
written to a temporary folder, including the data of the PostgreSQL server that is started for the run. ``--write``
writes the tables of each benchmark into a Markdown file, between ``<!-- NAME -->`` and ``<!-- /NAME -->``.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import (
    beside_training,
    durability,
    generated,
    ingest,
    long_history,
    orm,
    request_parts,
    search,
    serve,
    shared_memory,
    train,
)
from benchmarks.workbench import POSTGRESQL, SQLITE, Workbench
from server.etl.demo import write_demo
from tests.support import postgres

BENCHMARKS: dict[str, Callable[[Workbench], None]] = {
    "ingest-sqlite": partial(ingest.run, kind=SQLITE),
    "ingest-postgresql": partial(ingest.run, kind=POSTGRESQL),
    "train": train.run,
    "search": search.run,
    "serve-sqlite": partial(serve.run, kind=SQLITE),
    "serve-postgresql": partial(serve.run, kind=POSTGRESQL),
    "beside-training": beside_training.run,
    "durability": durability.run,
    "long-history": long_history.run,
    "shared-memory": shared_memory.run,
    "request-parts": request_parts.run,
    "peers": orm.run,
}


def main() -> None:
    """Run the benchmarks named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Matinee.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--data", type=Path, help="a folder of MovieLens files (default: the built-in demo)")
    parser.add_argument("--ratings", type=int, help="generate this many ratings instead")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the tables into this Markdown file")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"unknown benchmark: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as temporary, postgres.running_server(is_durable=True) as server:
        folder = Path(temporary)
        source = options.data or _make_source(folder / "source", options.ratings)
        bench = Workbench(source, folder, server)
        for benchmark in options.names or BENCHMARKS:
            bench.shown.clear()
            BENCHMARKS[benchmark](bench)
            if options.write is not None:
                write_tables(options.write, benchmark, bench.shown)


def write_tables(file: Path, name: str, tables: list[str]) -> None:
    """Replace the tables between the markers of a benchmark."""
    text = file.read_text(encoding="utf-8")
    before, begin, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not (begin and end):
        raise SystemExit(f"{file} has no place for {name}: <!-- {name} --> and <!-- /{name} -->.")
    file.write_text(before + begin + "\n" + "\n\n".join(tables) + "\n\n" + end + after, encoding="utf-8")


def _make_source(folder: Path, ratings: int | None) -> Path:
    folder.mkdir()
    return write_demo(folder) if ratings is None else generated.write_source(folder, ratings=ratings)


if __name__ == "__main__":
    main()
