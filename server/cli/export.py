"""``matinee export``: writes the ratings as Parquet, for trainings on other machines."""

import signal
import sys
from typing import Annotated

import typer

from server.cli.connection import open_database
from server.cli.options import AsJson, command_app, examples
from server.cli.output import print_result, stage_progress
from server.services.training.dataset import Dataset
from server.services.training.export import export_ratings

app = command_app()


@app.command(
    epilog=examples(
        "matinee export exports/monday",
        "matinee export s3://bucket/exports/monday",
        "matinee export exports/monday --json | jq .ratings",
    )
)
def export(
    path: Annotated[str, typer.Argument(help="A new folder, or a URL such as s3://bucket/folder (extra s3).")],
    as_json: AsJson = False,
) -> None:
    """Export all that a training needs as Parquet: ratings by user, movies and genres.

    Writes one snapshot of the database, complete or not at all. Train on it with: matinee train --from PATH. Needs the
    extra parquet: pip install 'matinee[parquet]'
    """
    dataset = Dataset(path)
    # As Ctrl-C does: the unfinished folder is deleted on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with open_database() as database, stage_progress() as on_progress:
        manifest = export_ratings(database, dataset, on_progress)
    if as_json:
        print_result(manifest.model_dump_json(indent=2))
        return
    print_result(
        f"Exported {manifest.ratings:,} ratings by {manifest.users:,} users of {manifest.movies:,} movies "
        f"to {dataset.shown}."
    )
    print_result(f"To train on them: matinee train --from {dataset.shown}")
