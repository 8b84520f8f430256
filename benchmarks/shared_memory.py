"""The memory of several workers that map one model, from the local cache of a store on S3."""

import os
import re
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.servers import API, matinee_server
from benchmarks.train import train_where_needed
from benchmarks.workbench import Workbench, size_of
from server.services.user import UserDataManager
from tests.support import s3

WORKERS = 4
REQUESTS = 400
CLIENTS = 8
HEADER = ("", "RSS MB", "PSS MB", "model mapped MB", "of it PSS MB")


def run(bench: Workbench) -> None:
    """Print resident and proportional memory of each worker, after all have answered."""
    with bench.loaded_database() as database, database.transaction(writes=False) as session:
        size, user = size_of(database), UserDataManager(session).find_first()
    with s3.running_server() as variables:
        # The store in this process and the servers find the address in the environment.
        os.environ.update(variables)
        settings = bench.settings.model_copy(update={"model_store": "s3://matinee/models"})
        train_where_needed(settings)
        with matinee_server(settings, on_one_core=False, workers=WORKERS) as server:
            _warm_up(f"http://127.0.0.1:{server.port}{API}/user/{user}/recommended-movies?n=100")
            rows = [_measure(process_id) for process_id in sorted(_find_workers(server.process_id))]
    table = [(f"worker {number}", *row) for number, row in enumerate(rows, 1)]
    table.append(("all", *(sum(column) for column in zip(*rows, strict=True))))
    bench.show(f"{WORKERS} workers, {size}, model on S3", HEADER, table)


def _warm_up(url: str) -> None:
    """Send requests at the same time, so that every worker gets some."""

    def ask(_: int) -> None:
        urllib.request.urlopen(url, timeout=60).close()  # noqa: S310 (our own server)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(ask, range(REQUESTS)))


def _find_workers(parent: int) -> list[int]:
    """Return the process ids of the workers: the children that have mapped a model."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in children if ".npy" in Path(f"/proc/{child}/maps").read_text()]


def _measure(process_id: int) -> tuple[float, float, float, float]:
    """Return RSS and PSS of a process, and those of its mapped arrays, in MB. A shared page counts in PSS in part."""
    total = _sums(Path(f"/proc/{process_id}/smaps_rollup").read_text())
    mappings = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{process_id}/smaps").read_text())
    model = _sums("".join(mapping for mapping in mappings if ".npy" in mapping.partition("\n")[0]))
    return *total, *model


def _sums(smaps: str) -> tuple[float, float]:
    resident, proportional = (
        sum(int(kilobytes) for kilobytes in re.findall(rf"(?m)^{name}:\s+(\d+) kB", smaps)) / 1000
        for name in ("Rss", "Pss")
    )
    return resident, proportional
