"""``matinee train``: trains a model here and now, or carries out a run that a server has started."""

import signal
import sys
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import BaseModel

from server.backend.config import Settings
from server.backend.model_store import ModelStore
from server.cli.connection import open_database
from server.cli.measures import format_measures
from server.cli.options import AsJson, command_app, examples
from server.cli.output import print_result, stage_progress
from server.recommender.algorithms.registry import ALGORITHMS, get_algorithm
from server.schemas.recommendation_engine import ModelVersion, TrainingRun
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.child_process import carry_out_for_parent
from server.services.training.dataset import Dataset
from server.services.training.inputs import DatasetInput, SparkInput, TrainingInput
from server.services.training.trainer import Trainer

app = command_app()


class Engine(StrEnum):
    """The program that sums up the ratings."""

    LOCAL = "local"
    SPARK = "spark"


class TrainingResult(BaseModel):
    """The run and the version of a training; null if no training was needed."""

    run: TrainingRun | None
    version: ModelVersion | None


@app.command(
    epilog=examples(
        "matinee train",
        "matinee train --if-needed",
        "matinee train --algorithm nmf --activate",
        "matinee train --from s3://bucket/exports/monday",
        "matinee train --from exports/monday --engine spark --master 'local[2]'",
        "matinee train --json | jq .version.metrics.ndcg_at_10",
    )
)
def train(  # noqa: PLR0913, PLR0917 (the options of the command)
    algorithm: Annotated[
        str | None,
        typer.Option(
            help=f"Override MATINEE_ALGORITHM: {', '.join(ALGORITHMS)}.", autocompletion=lambda: list(ALGORITHMS)
        ),
    ] = None,
    if_needed: Annotated[
        bool,
        typer.Option("--if-needed", help="Only if the ratings or the algorithm have changed since the last training."),
    ] = False,
    activate: Annotated[
        bool, typer.Option("--activate", help="Activate the model even if it is worse than the live version.")
    ] = False,
    export: Annotated[
        str | None,
        typer.Option("--from", metavar="PATH", help="Train on an export of `matinee export`, a folder or a URL."),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(help="Sum up the ratings of an export in this process, or on a cluster with Spark (extra spark)."),
    ] = Engine.LOCAL,
    master: Annotated[
        str, typer.Option(metavar="URL", help="The cluster of the engine spark: local[2], spark://host:7077, yarn, …")
    ] = "local[*]",
    as_json: AsJson = False,
    run: Annotated[int | None, typer.Option(hidden=True, help="Carry out a run that a server has claimed.")] = None,
    normal_priority: Annotated[bool, typer.Option("--normal-priority", hidden=True)] = False,
) -> None:
    """Train a model, and activate it unless it is worse than the live version.

    Trains on all ratings of the database, or of an export, in this process. Memory doesn't grow with their number: they
    are copied to a file in TMPDIR, and read from there in parts. Running servers load the new model within a second.
    Every model is kept as a version.
    """
    settings = Settings.load() if algorithm is None else Settings.load(algorithm=algorithm)
    if run is None:
        get_algorithm(settings.algorithm)  # A mistake in the name is not a failed run.
    with open_database(settings) as database:
        training_input = _choose_input(export, engine, master)
        trainer = Trainer(database, ModelStore(settings.model_store), settings, training_input=training_input)
        if run is not None:
            carry_out_for_parent(trainer, run, normal_priority=normal_priority)
            return
        if if_needed and not trainer.is_needed():
            _print_result(TrainingResult(run=None, version=None), as_json=as_json)
            return
        # As Ctrl-C does: the run is marked as failed on the way out.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        with stage_progress() as on_progress:
            run_id, version = trainer.run(on_progress, force_activation=activate)
        with database.transaction(writes=False) as session:
            service = RecommendationEngineService(session)
            result = TrainingResult(run=service.get_run(run_id), version=service.get_version(version))
    _print_result(result, as_json=as_json)


def _choose_input(export: str | None, engine: Engine, master: str) -> TrainingInput | None:
    if export is None:
        if engine is Engine.SPARK:
            raise typer.BadParameter("the engine spark trains on an export; name it with --from.")
        return None
    dataset = Dataset(export)
    return SparkInput(dataset, master) if engine is Engine.SPARK else DatasetInput(dataset)


def _print_result(result: TrainingResult, *, as_json: bool) -> None:
    if as_json:
        print_result(result.model_dump_json(indent=2))
    elif result.run is None or result.version is None:
        print_result("The newest version was trained on the current ratings; nothing to do.")
    else:
        _print_version(result.version, result.run)


def _print_version(version: ModelVersion, run: TrainingRun) -> None:
    state = "is live" if run.is_activated else "is stored, but not live"
    print_result(f"Version {version.version} ({version.algorithm}) trained in {version.duration_s:.1f} s and {state}.")
    if run.verdict:
        print_result(run.verdict)
    if not run.is_activated:
        print_result(f"To activate it anyway: matinee models activate {version.version}")
    for label, text in format_measures(version.metrics):
        print_result(f"  {label:<29}{text:>11}")
