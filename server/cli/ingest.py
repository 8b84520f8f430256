"""``matinee ingest``: loads a source and reports what happened to every row."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Annotated, Self

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn
from rich.table import Table

from server.cli.connection import open_database_for_load
from server.cli.options import AsJson, command_app, examples
from server.cli.output import print_notice, print_result, progress_bar
from server.command_errors import SourceError
from server.etl.demo import write_demo
from server.etl.download import LICENCE_NOTICE, RELEASES, download
from server.etl.load.loader import Counts, LoadReport, load
from server.etl.load.loader import Progress as LoadProgress
from server.etl.movielens.batches import Rejected
from server.etl.movielens.formats import Role
from server.etl.movielens.scale import Scale
from server.etl.movielens.source import open_source
from server.services.live.catalogue import store_index

DOWNLOADS = Path("data/downloads")

SHOWN_REJECTS = 20
"""At most this many rejected rows are printed."""

app = command_app()


@app.command(
    epilog=examples(
        "matinee ingest demo",
        "matinee ingest ml-latest-small",
        "matinee ingest path/to/ml-32m.zip --rejects rejects.txt",
        "matinee ingest path/to/folder --scale 1-10",
        "matinee ingest demo --json | jq .ratings.rejected",
    )
)
def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="A MovieLens folder, archive or file, a release to download "
            f"({', '.join(RELEASES)}), or demo for a small built-in catalogue.",
            autocompletion=lambda: ["demo", *RELEASES],
        ),
    ],
    scale: Annotated[
        Scale, typer.Option(help="The scale of the ratings. All but the default are rounded to half stars.")
    ] = Scale.STARS,
    rejects: Annotated[Path | None, typer.Option(help="Write every rejected row to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Load movies, ratings, links and tags, all or nothing.

    Loading the same data again changes nothing, newer data is merged, and ratings from the API stay.
    """
    with (
        _local_source(source) as path,
        open_source(path, scale) as movielens,
        open_database_for_load() as database,
        Rejects(rejects) as sink,
        _load_progress(movielens.bytes_total) as on_progress,
    ):
        report = load(movielens, database, name=source, on_progress=on_progress, on_reject=sink.add)
        # So that no server has to build it.
        store_index(database)
    if as_json:
        print_result(json.dumps(asdict(report) | {"first_rejected": sink.first}, indent=2))
    else:
        _print_report(report, sink)


class Rejects:
    """Counts the rejected rows; keeps the first few, and writes all to a file if there is one."""

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
        """Record one row."""
        line = f"{rejected.file}:{rejected.line}: {rejected.reason}"
        self.count += 1
        if self.count <= SHOWN_REJECTS:
            self.first.append(line)
        if self._file is not None:
            self._file.write(line + "\n")


@contextmanager
def _local_source(source: str) -> Iterator[Path]:
    """Yield the path of a source; generate or download it first if necessary."""
    if source == "demo":
        with tempfile.TemporaryDirectory() as folder:
            yield write_demo(Path(folder))
    elif Path(source).exists():
        yield Path(source)
    elif source in RELEASES:
        print_notice(LICENCE_NOTICE)
        with _download_progress() as on_progress:
            path = download(source, DOWNLOADS, on_progress)
        yield path
    else:
        raise SourceError(
            f"{source!r} is neither a file or folder nor a release. Pass a folder, archive or file of "
            f"MovieLens, a release ({', '.join(RELEASES)}), or demo."
        )


@contextmanager
def _load_progress(bytes_total: int) -> Iterator[Callable[[LoadProgress], None]]:
    """Show a bar over the bytes of a source and the ratings a second; yield the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TextColumn("{task.fields[rate]}"))
    with progress_bar(*columns) as progress:
        task = progress.add_task("reading", total=bytes_total, rate="")
        started, ratings = time.monotonic(), 0

        def advance(step: LoadProgress) -> None:
            nonlocal ratings
            ratings += step.ratings
            rate = f"{ratings / (time.monotonic() - started):,.0f} ratings/s"
            progress.update(task, description=step.stage, advance=step.bytes_read, rate=rate)

        yield advance
        progress.update(task, description="done", completed=bytes_total)


@contextmanager
def _download_progress() -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar over a download; yield the function to call with the bytes so far and the total, if known."""
    with progress_bar(TextColumn("downloading"), BarColumn(), DownloadColumn()) as progress:
        task = progress.add_task("downloading", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _print_report(report: LoadReport, rejects: Rejects) -> None:
    table = Table("", "read", "added", "updated", "unchanged", "rejected", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for role, counts in report.by_role.items():
        if counts.read or role in {Role.MOVIES, Role.RATINGS}:
            table.add_row(role, *(f"{number:,}" for number in _numbers(counts)))
    print_result(table)
    print_result(f"{report.users_added:,} new users.")
    for line in rejects.first:
        print_result(f"rejected {line}")
    if rejects.count > len(rejects.first):
        where = f"all are in {rejects.path}" if rejects.path else "--rejects FILE writes all of them"
        print_result(f"… and {rejects.count - len(rejects.first):,} more; {where}.")


def _numbers(counts: Counts) -> tuple[int, ...]:
    return (counts.read, counts.added, counts.updated, counts.unchanged, counts.rejected)
