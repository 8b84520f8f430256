"""The consoles of the ``matinee`` command: results on standard output, notices and progress on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

OnProgress = Callable[[str, float], None]
"""Reports the current stage and the share of the whole work that is done."""

_results = Console(highlight=False, soft_wrap=True)
_notices = Console(stderr=True)


def print_result(result: RenderableType) -> None:
    """Print a sentence or a table to standard output."""
    _results.print(result, markup=False)


def print_notice(sentence: str) -> None:
    """Print a sentence that is not a result to standard error."""
    _notices.print(sentence, markup=False, highlight=False, soft_wrap=True)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a progress bar that ends with the elapsed time and an estimate of the time left.

    It appears only where standard error is a terminal.
    """
    return Progress(
        *columns,
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=_notices,
        disable=not _notices.is_terminal,
    )


@contextmanager
def stage_progress() -> Iterator[OnProgress]:
    """Show a bar over the stages of some work; yield the function that moves it."""
    with progress_bar(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda stage, share: progress.update(task, description=stage, completed=share)
        progress.update(task, description="done", completed=1.0)
