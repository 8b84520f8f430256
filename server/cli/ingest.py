"""``matinee ingest``: from a source by name to a table of what was done with every row."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from server.backend.database import Database
from server.cli import output
from server.command_errors import SourceError
from server.etl.demo import write_demo
from server.etl.download import LICENCE_NOTICE, RELEASES, download
from server.etl.load.loader import Counts, LoadReport, load
from server.etl.load.loader import Progress as LoadProgress
from server.etl.movielens.batches import Rejected
from server.etl.movielens.source import open_source
from server.services.live.catalogue import store_index

DOWNLOADS = Path("data/downloads")
SHOWN_REJECTS = 20


def ingest(database: Database, source: str, rejects: Path | None, *, as_json: bool) -> None:
    """Load a source, then store the search index, so that no server need build it."""
    with (
        local_source(source) as path,
        open_source(path) as movielens,
        Rejects(rejects) as sink,
        load_progress(movielens.bytes_total) as on_progress,
    ):
        report = load(movielens, database, name=source, on_progress=on_progress, on_reject=sink.add)
        store_index(database)
    print_load_report(report, sink, as_json=as_json)


@contextmanager
def local_source(source: str) -> Iterator[Path]:
    """Give the path of a source, which is written or downloaded first where it has to be."""
    if source == "demo":
        with tempfile.TemporaryDirectory() as folder:
            yield write_demo(Path(folder))
    elif source in RELEASES and not Path(source).exists():
        output.remark(LICENCE_NOTICE)
        with download_progress() as on_progress:
            path = download(source, DOWNLOADS, on_progress)
        yield path
    elif Path(source).exists():
        yield Path(source)
    else:
        raise SourceError(
            f"There is no file or folder {source!r}, nor a release of that name. Name a folder or .zip of MovieLens "
            f"files, a release ({', '.join(RELEASES)}), or demo."
        )


class Rejects:
    """Counts the rows that cannot be used; keeps the first few, and writes all to a file where one is given."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.count = 0
        self.first: list[str] = []
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        if self.path is not None:
            self._file = self.path.open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, rejected: Rejected) -> None:
        """Take note of one."""
        line = f"{rejected.file}:{rejected.line}: {rejected.reason}"
        self.count += 1
        if self.count <= SHOWN_REJECTS:
            self.first.append(line)
        if self._file is not None:
            self._file.write(line + "\n")


@contextmanager
def load_progress(bytes_total: int) -> Iterator[Callable[[LoadProgress], None]]:
    """Show a bar over the bytes of a source, ratings a second and the time left; gives what to tell of each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=output.err, disable=not output.err.is_terminal) as progress:
        task = progress.add_task("reading", total=bytes_total, rate="")
        started, ratings = time.monotonic(), 0

        def advance(step: LoadProgress) -> None:
            nonlocal ratings
            ratings += step.ratings
            rate = f"{ratings / (time.monotonic() - started):,.0f} ratings/s"
            progress.update(task, description=step.stage, advance=step.bytes_read, rate=rate)

        yield advance


@contextmanager
def download_progress() -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar over a download; gives the function to call with the bytes so far and their total, where known."""
    columns = (TextColumn("downloading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=output.err, disable=not output.err.is_terminal) as progress:
        task = progress.add_task("downloading", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_load_report(report: LoadReport, rejects: Rejects, *, as_json: bool) -> None:
    """Print what an ingestion did with every row."""
    if as_json:
        output.say(json.dumps(asdict(report) | {"first_rejected": rejects.first}, indent=2))
        return
    table = Table("", "read", "added", "updated", "unchanged", "rejected", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, counts in (("movies", report.movies), ("ratings", report.ratings)):
        table.add_row(name, *(f"{number:,}" for number in _numbers(counts)))
    output.out.print(table)
    output.say(f"{report.users_added:,} new users.")
    for line in rejects.first:
        output.say(f"rejected {line}")
    if rejects.count > len(rejects.first):
        where = f"all are in {rejects.path}" if rejects.path else "--rejects FILE writes them all"
        output.say(f"… and {rejects.count - len(rejects.first):,} more; {where}.")


def _numbers(counts: Counts) -> tuple[int, ...]:
    return (counts.read, counts.added, counts.updated, counts.unchanged, counts.rejected)
