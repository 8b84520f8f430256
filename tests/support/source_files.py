"""Write MovieLens folders for tests, and load them."""

from collections.abc import Callable, Iterable
from pathlib import Path

from server.backend.database import Database
from server.etl.load.loader import LoadReport, Progress, load
from server.etl.movielens.batches import Rejected
from server.etl.movielens.source import open_source


def write_source(folder: Path, *, movies: Iterable[str] = (), ratings: Iterable[str] = ()) -> Path:
    """Write ``movies.csv`` and ``ratings.csv`` with their headers, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {
        "movies.csv": ("movieId,title,genres", *movies),
        "ratings.csv": ("userId,movieId,rating,timestamp", *ratings),
    }.items():
        folder.joinpath(name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return folder


def load_folder(
    folder: Path,
    database: Database,
    *,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    on_reject: Callable[[Rejected], None] = lambda _rejected: None,
) -> LoadReport:
    """Load a folder like the command line."""
    with open_source(folder) as source:
        return load(source, database, name=folder.name, on_progress=on_progress, on_reject=on_reject)
