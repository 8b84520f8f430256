"""``make bench``: ingestion, training, search and serving, each with a baseline beside it.

    python -m benchmarks [--data SOURCE] [ingest] [train] [search] [serve]

`SOURCE` is a MovieLens folder or zip; without one the built-in demo is taken. All is written to a temporary folder.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import ingest, search, serve, train
from benchmarks.workbench import Workbench
from server.etl.demo import write_demo

BENCHMARKS: dict[str, Callable[[Workbench], None]] = {
    "ingest": ingest.run,
    "train": train.run,
    "search": search.run,
    "serve": serve.run,
}


def main() -> None:
    """Run the benchmarks named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Matinee.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--data", type=Path, help="a MovieLens folder or zip (default: the built-in demo)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as folder:
        source = options.data or write_demo(Path(folder))
        for name in options.names or BENCHMARKS:
            BENCHMARKS[name](Workbench(source, Path(folder) / name))


if __name__ == "__main__":
    main()
