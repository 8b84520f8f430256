"""``matinee runs``: the training runs of this installation."""

from typing import Annotated

import typer
from rich.table import Table

from server.cli.connection import open_database
from server.cli.options import AsJson, command_app, examples
from server.cli.output import print_result
from server.schemas.base import MAX_ID, Paging
from server.schemas.recommendation_engine import TrainingRun, TrainingRunPage
from server.services.recommendation_engine import RecommendationEngineService

COLUMNS = ("run", "status", "stage", "requested at", "seconds", "version", "model")
RESULTS = {True: "activated", False: "not activated", None: ""}

app = command_app()


@app.callback(
    invoke_without_command=True,
    epilog=examples("matinee runs", "matinee runs --json | jq '.runs[0].error'", "matinee runs cancel 3"),
)
def runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Number of runs to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List and cancel training runs.

    Without a command: list the runs, newest first.
    """
    if context.invoked_subcommand is None:
        with open_database() as database, database.transaction(writes=False) as session:
            page = RecommendationEngineService(session).list_runs(Paging(limit=limit))
        _print_runs(page, as_json=as_json)


@app.command(epilog=examples("matinee runs cancel 3"))
def cancel(
    run: Annotated[int, typer.Argument(min=1, max=MAX_ID, help="Number of a run, as listed by: matinee runs")],
) -> None:
    """Cancel a queued or a running training. A running one stops within seconds."""
    with open_database() as database, database.transaction(writes=True) as session:
        cancelled = RecommendationEngineService(session).cancel_run(run)
    state = "is cancelled" if cancelled.status == "cancelled" else "is being cancelled"
    print_result(f"Training run {run} {state}.")


def _print_runs(page: TrainingRunPage, *, as_json: bool) -> None:
    if as_json:
        print_result(page.model_dump_json(indent=2))
        return
    if not page.runs:
        print_result("No training has been requested yet. Train a model with: matinee train")
        return
    table = Table(*COLUMNS, box=None, header_style="bold")
    for run in page.runs:
        table.add_row(
            str(run.run_id),
            run.status,
            run.stage or "",
            run.created_at.strftime("%Y-%m-%d %H:%M:%S"),
            _format_duration(run),
            "" if run.version is None else str(run.version),
            RESULTS[run.is_activated],
        )
    print_result(table)
    for run in page.runs:
        if run.status == "failed":
            print_result(f"Run {run.run_id} failed: {run.error}")
    if page.total > len(page.runs):
        print_result(f"… and {page.total - len(page.runs)} older runs.")


def _format_duration(run: TrainingRun) -> str:
    if run.started_at is None or run.finished_at is None:
        return ""
    return f"{(run.finished_at - run.started_at).total_seconds():.0f}"
