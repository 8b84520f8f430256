"""Compare trainings on an export: in one process, and on Spark with as many cores.

    python -m benchmarks.engines --ratings 1000000 5000000

Runs in an environment with the extra spark. The ratings are generated, always the same for the same number. Memory and
CPU time are those of all processes of a training together; pages that processes share count once. On a busy machine
compare the CPU seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.generated import write_export
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.recommender import artifact
from server.services.model_versions import ModelVersionDataManager

ENGINES = ("local", "spark")
HEADER = (
    *("ratings", "engine", "s", "of local", "CPU s", "of local", "peak MB"),
    *("movies with weights", "NDCG@10", "largest difference"),
)
SAMPLE_S = 0.5


@dataclass(frozen=True)
class Trained:
    """A training of the command line: its version, its time and the memory of all its processes."""

    version: int
    ndcg: float
    movies: int
    seconds: float
    cpu_seconds: float
    peak_mb: float


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description="Compare engines of trainings.")
    parser.add_argument("--ratings", type=int, nargs="+", default=[1_000_000], help="numbers of ratings")
    parser.add_argument("--engine", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--master", default="local[2]", help="the cluster of Spark (default: %(default)s)")
    options = parser.parse_args()
    print(f"| {' | '.join(HEADER)} |\n| {' | '.join(['---'] * len(HEADER))} |")
    for ratings in options.ratings:
        with TemporaryDirectory(prefix="matinee-engines-") as folder:
            for row in compare(Path(folder), ratings, options.engine, options.master):
                print(f"| {' | '.join(row)} |", flush=True)


def compare(folder: Path, ratings: int, engines: Sequence[str], master: str) -> list[list[str]]:
    """Train with each engine on the same ratings, and return the rows of the table."""
    settings = Settings(
        _env_file=None, database_url=f"sqlite:///{folder / 'matinee.db'}", model_store=str(folder / "models")
    )
    write_export(folder / "export", ratings=ratings)
    results = {engine: train(settings, folder / "export", engine, master) for engine in engines}
    first = next(iter(results.values()))
    return [
        [
            f"{ratings:,}",
            engine if engine == "local" else master,
            f"{result.seconds:.1f}",
            f"{result.seconds / first.seconds:.2f}",
            f"{result.cpu_seconds:.1f}",
            f"{result.cpu_seconds / first.cpu_seconds:.2f}",
            f"{result.peak_mb:,.0f}",
            f"{result.movies:,}",
            f"{result.ndcg:.4f}",
            f"{difference(settings, first.version, result.version):.1e}",
        ]
        for engine, result in results.items()
    ]


def train(settings: Settings, export: Path, engine: str, master: str) -> Trained:
    """Train a version with the command line, on all cores."""
    environment = os.environ | {
        "MATINEE_DATABASE_URL": settings.database_url,
        "MATINEE_MODEL_STORE": settings.model_store,
        "MATINEE_TRAINING_THREADS": str(os.cpu_count()),
    }
    matinee = Path(sys.executable).with_name("matinee")
    words = ["train", "--from", str(export), "--engine", engine, "--master", master, "--activate", "--json"]
    started = time.monotonic()
    process = subprocess.Popen([matinee, *words], env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own command)
    with FamilyWatch(process.pid) as watch:
        output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"The training with the engine {engine} failed.")
    version = json.loads(output)["version"]
    return Trained(
        version["version"],
        version["metrics"]["ndcg_at_10"],
        version["data"]["modelled_movies"],
        time.monotonic() - started,
        watch.cpu_seconds,
        watch.peak_mb,
    )


def difference(settings: Settings, one: int, other: int) -> float:
    """Return the largest difference between the weights of two versions; infinite if they keep different ones."""
    database, store = Database(settings), ModelStore(settings.model_store)
    with database.transaction(writes=False) as session:
        names = [ModelVersionDataManager(session).get_artifact(version) for version in (one, other)]
    database.dispose()
    ours, theirs = (artifact.load(store.opener(name)).algorithm.arrays() for name in names)
    sums = []
    for arrays in (ours, theirs):
        # The weakest kept weight of a row may be another one if two are equal; compare what both keep.
        keys = np.arange(len(arrays["columns"]))[:, None] * len(arrays["columns"]) + arrays["columns"]
        sums.append((keys.ravel(), arrays["weights"].ravel()))
    (keys, weights), (other_keys, other_weights) = sums
    _, places, other_places = np.intersect1d(keys, other_keys, return_indices=True)
    lost = 1 - places.size / keys.size
    return float(np.abs(weights[places] - other_weights[other_places]).max()) if lost < 0.01 else float("inf")


class FamilyWatch:
    """Samples the memory and the CPU time of a process and all its descendants while a block runs."""

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._pid = pid
        self._cpu_seconds: dict[int, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "FamilyWatch":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def cpu_seconds(self) -> float:
        """The CPU seconds of all processes, those that have ended too, up to their last samples."""
        return sum(self._cpu_seconds.values())

    def _watch(self) -> None:
        while not self._stopped.wait(SAMPLE_S):
            family = _family(self._pid)
            self.peak_mb = max(self.peak_mb, sum(map(_proportional_mb, family)))
            self._cpu_seconds |= {pid: seconds for pid in family if (seconds := _cpu_seconds(pid)) is not None}


def _family(pid: int) -> list[int]:
    """Return the ids of a process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    # A process of several threads lists the children of each separately.
    threads = [path for path in Path(f"/proc/{pid}/task").glob("*/children") if path.parent.name != str(pid)]
    for path in threads:
        try:
            children += path.read_text().split()
        except OSError:
            continue
    return [pid, *(member for child in children for member in _family(int(child)))]


def _proportional_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def _cpu_seconds(pid: int) -> float | None:
    """Return the CPU seconds of a process in user and system mode, or None if it has ended (proc(5), stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
