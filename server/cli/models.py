"""``matinee models``: the model versions of this installation."""

from typing import Annotated

import typer
from rich.table import Table

from server.backend.config import Settings
from server.backend.model_store import ModelStore
from server.cli.connection import open_database
from server.cli.options import AsJson, command_app, examples
from server.cli.output import print_result
from server.schemas.base import MAX_ID, Paging
from server.schemas.recommendation_engine import ModelVersion, ModelVersionPage
from server.services.recommendation_engine import RecommendationEngineService

COLUMNS = ("version", "live", "algorithm", "trained at", "ratings", "NDCG@10", "ECE", "MB")

app = command_app()


@app.callback(
    invoke_without_command=True,
    epilog=examples("matinee models", "matinee models --json | jq '.models[0].metrics'", "matinee models activate 3"),
)
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List, activate and delete model versions.

    Without a command: list the versions, newest first.
    """
    if context.invoked_subcommand is None:
        with open_database() as database, database.transaction(writes=False) as session:
            page = RecommendationEngineService(session).list_versions(Paging(limit=100))
        _print_versions(page, as_json=as_json)


@app.command(epilog=examples("matinee models activate 3"))
def activate(
    version: Annotated[
        int, typer.Argument(min=1, max=MAX_ID, help="Number of a version, as listed by: matinee models")
    ],
) -> None:
    """Make a version the live one. Running servers load it within a second."""
    settings = Settings.load()
    with open_database(settings) as database, database.transaction(writes=True) as session:
        RecommendationEngineService(session).activate(version, ModelStore(settings.model_store))
    print_result(f"Version {version} is live.")


@app.command(epilog=examples("matinee models prune --keep 5"))
def prune(
    keep: Annotated[int, typer.Option(min=0, max=MAX_ID, help="Number of the newest versions to keep.")],
) -> None:
    """Delete old versions and their artifacts. The live version and its predecessor always stay."""
    settings = Settings.load()
    store = ModelStore(settings.model_store)
    with open_database(settings) as database:
        with database.transaction(writes=True) as session:
            deleted = RecommendationEngineService(session).delete_old_versions(keep)
        # After the commit: a version in the database must never be without its artifact.
        with database.transaction(writes=False) as session:
            orphans = RecommendationEngineService(session).list_orphans(store)
    for name in orphans:
        store.remove(name)
    print_result(f"{deleted} versions and {len(orphans)} artifacts deleted.")


def _print_versions(page: ModelVersionPage, *, as_json: bool) -> None:
    if as_json:
        print_result(page.model_dump_json(indent=2))
        return
    if not page.models:
        print_result("No model has been trained yet. Train one with: matinee train")
        return
    table = Table(*COLUMNS, box=None, header_style="bold")
    for model in page.models:
        table.add_row(
            str(model.version),
            "live" if model.is_active else "",
            model.algorithm,
            model.created_at.strftime("%Y-%m-%d %H:%M:%S"),
            f"{model.data.ratings:,}",
            _format_metric(model, "ndcg_at_10"),
            _format_metric(model, "ece"),
            f"{model.size_bytes / 1e6:.1f}",
        )
    print_result(table)
    if page.total > len(page.models):
        print_result(f"… and {page.total - len(page.models)} older versions.")


def _format_metric(model: ModelVersion, name: str) -> str:
    """Return a metric, or nothing for a model that was trained on too few ratings to be measured."""
    return f"{model.metrics[name]:.4f}" if name in model.metrics else ""
