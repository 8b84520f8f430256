"""What the ``matinee`` command prints: sentences, tables and progress bars."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from server.etl.batches import Rejected
from server.etl.loader import Counts, LoadReport
from server.recommender.model import Evaluation
from server.schemas.recommendation_engine import ModelVersion, ModelVersionPage, TrainingRun

SHOWN_REJECTS = 20

# Progress goes to standard error, results to standard output, so that these can be piped.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True)


def say(sentence: str) -> None:
    """Print a sentence as it is."""
    out.print(sentence, markup=False)


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
def byte_progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar over the bytes of a source; gives the function to call with the bytes of each step."""
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task("reading", total=total)
        yield lambda step: progress.advance(task, step)


@contextmanager
def download_progress() -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar over a download; gives the function to call with the bytes so far and their total, where known."""
    columns = (TextColumn("downloading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task("downloading", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def stage_progress() -> Iterator[Callable[[str, float], None]]:
    """Show what is being done and how far it is; gives the function to call with stage and share."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda stage, share: progress.update(task, description=stage, completed=share)


def print_load_report(report: LoadReport, rejects: Rejects) -> None:
    """Print what an ingestion did with every row."""
    table = Table("", "read", "added", "updated", "unchanged", "rejected", box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, counts in (("movies", report.movies), ("ratings", report.ratings)):
        table.add_row(name, *(f"{number:,}" for number in _numbers(counts)))
    out.print(table)
    say(f"{report.users_added:,} new users.")
    for line in rejects.first:
        say(f"rejected {line}")
    if rejects.count > len(rejects.first):
        where = f"all are in {rejects.path}" if rejects.path else "--rejects FILE writes them all"
        say(f"… and {rejects.count - len(rejects.first):,} more; {where}.")


def _numbers(counts: Counts) -> tuple[int, ...]:
    return (counts.read, counts.added, counts.updated, counts.unchanged, counts.rejected)


def print_version(version: ModelVersion, run: TrainingRun) -> None:
    """Print a new model version and its metrics."""
    is_live = "is live" if run.is_activated else "is kept, but not live"
    say(f"Version {version.version} ({version.algorithm}) trained in {version.duration_s:.1f} s and {is_live}.")
    if run.verdict:
        say(run.verdict)
    if not run.is_activated:
        say(f"To make it live all the same: matinee models activate {version.version}")
    for name, value in version.metrics.items():
        say(f"  {name:<22}{_number(value):>10}")


def print_versions(page: ModelVersionPage) -> None:
    """Print the ledger, newest first."""
    if not page.models:
        say("No model has been trained yet: matinee train")
        return
    table = Table(
        "version",
        "live",
        "algorithm",
        "trained at",
        "ratings",
        "NDCG@10",
        "ECE",
        "MB",
        box=None,
        header_style="bold",
    )
    for model in page.models:
        table.add_row(
            str(model.version),
            "live" if model.is_active else "",
            model.algorithm,
            model.created_at.strftime("%Y-%m-%d %H:%M:%S"),
            f"{model.data.ratings:,}",
            f"{model.metrics['ndcg_at_10']:.4f}",
            f"{model.metrics['ece']:.4f}",
            f"{model.size_bytes / 1e6:.1f}",
        )
    out.print(table)
    if page.total > len(page.models):
        say(f"… and {page.total - len(page.models)} older ones.")


def print_evaluations(evaluations: Sequence[Evaluation], *, as_json: bool) -> None:
    """Print algorithms side by side, one measure a line."""
    if as_json:
        say(json.dumps([evaluation.model_dump(mode="json") for evaluation in evaluations], indent=2))
        return
    table = Table("", *(evaluation.algorithm for evaluation in evaluations), box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in type(evaluations[0].metrics).model_fields:
        table.add_row(name, *(_number(getattr(evaluation.metrics, name)) for evaluation in evaluations))
    out.print(table)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def warn(sentence: str) -> None:
    """Print a warning, on standard error."""
    err.print(f"Warning: {sentence}\n", markup=False, highlight=False, soft_wrap=True)


def print_welcome(address: str, first_user: int | None, *, has_authentication: bool) -> None:
    """Print what to open and what to call first."""
    api = f"{address}/api/rest/v1"
    say(f"Matinee serves at {address} (stop it with Ctrl-C).\n")
    say(f"  Open  {address}/docs")
    say(f"  Call  curl '{api}/movies?search=the+matrix'")
    if has_authentication:
        say(f"        curl -d 'grant_type=password&username=ID' --data-urlencode password=PASSWORD {api}/token")
        say("        Users who can log in: matinee user create --help")
    if first_user is None:
        say("        The database is empty: matinee ingest demo")
    elif not has_authentication:
        say(f"        curl '{api}/user/{first_user}/recommended-movies?n=5'")
    say("")
