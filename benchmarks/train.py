"""Measure a training of ``matinee train``, from the database to a live version, beside that of popularity."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.processes import Cost, measure
from benchmarks.workbench import SQLITE, Workbench
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.recommender import artifact
from server.recommender.evaluation.card import ModelCard
from server.services.model_versions import ModelVersionDataManager
from server.services.training.trainer import Trainer

BASELINE, OURS = ALGORITHMS = ("popularity", "ease")
QUALITIES = ("ndcg_at_10", "recall_at_20", "auc", "ece")
HEADER = ("", "s", "ratings/s", "peak MB", "NDCG@10", "Recall@20", "AUC", "ECE")


@dataclass(frozen=True)
class Trained:
    """A finished training, with its stages."""

    card: ModelCard
    size_mb: float
    stages: list["Stage"]
    """The stages by their start; the last one is the end."""


@dataclass(frozen=True)
class Stage:
    """The begin of a stage, in seconds of the clock and of CPU time."""

    name: str
    started: float
    cpu: float

    @classmethod
    def begin(cls, name: str) -> "Stage":
        """Return a stage that begins now."""
        return cls(name, time.perf_counter(), time.process_time())


def run(bench: Workbench) -> None:
    """Show time, memory and quality of the trainings; then the stages of ours, and the movies that have weights."""
    with bench.loaded(SQLITE) as settings:
        costs = {name: measure(train, settings, name) for name in ALGORITHMS}
    ratings = costs[OURS].result.card.data.ratings
    threads = _threads(settings)
    title = f"Trainings on {ratings:,} ratings, {threads} threads, with reading, tuning, evaluation and calibration"
    bench.show(title, HEADER, [_row(name, cost) for name, cost in costs.items()])
    bench.show(f"Stages of {OURS}", ("", "s", "CPU s"), _stages(costs[OURS].result.stages))
    bench.show(f"Coverage of {OURS}", ("", "of all", "share"), _coverage(costs[OURS].result))


def train(settings: Settings, algorithm: str) -> Trained:
    """Train a new version, and make it live."""
    settings = settings.model_copy(update={"algorithm": algorithm, "training_threads": _threads(settings)})
    stages: list[Stage] = []
    database, store = Database(settings), ModelStore(settings.model_store)
    trainer = Trainer(database, store, settings)
    trainer.carry_out(
        trainer.start_run(),
        lambda stage, _share: stages.append(Stage.begin(stage)),
        force_activation=True,
    )
    stages.append(Stage.begin("end"))
    with database.transaction(writes=False) as session:
        active = ModelVersionDataManager(session).find_active()
    database.dispose()
    assert active is not None  # noqa: S101 (for the type checker)
    name = active.artifact
    return Trained(artifact.read_manifest(store.opener(name)).card, store.size_bytes(name) / 1e6, stages)


def _threads(settings: Settings) -> int:
    """Return the setting if it is set, else the number of cores."""
    is_set = "training_threads" in settings.model_fields_set
    return settings.training_threads if is_set else os.cpu_count() or 1


def train_where_needed(settings: Settings) -> None:
    """Train, unless the live model was trained on these ratings."""
    database = Database(settings)
    is_needed = Trainer(database, ModelStore(settings.model_store), settings).is_needed()
    database.dispose()
    if is_needed:
        measure(train, settings, settings.algorithm)


def _row(name: str, cost: Cost[Trained]) -> tuple[object, ...]:
    card = cost.result.card
    qualities = (f"{getattr(card.metrics, quality):.4f}" for quality in QUALITIES)
    return name, cost.seconds, f"{card.data.ratings / cost.seconds:,.0f}", f"{cost.peak_mb:,.0f}", *qualities


def _stages(stages: Sequence[Stage]) -> list[tuple[object, ...]]:
    rows = [(one.name, after.started - one.started, after.cpu - one.cpu) for one, after in pairwise(stages)]
    return [*rows, ("together", *(sum(column) for column in zip(*(row[1:] for row in rows), strict=True)))]


def _coverage(trained: Trained) -> list[tuple[object, ...]]:
    data, metrics = trained.card.data, trained.card.metrics
    assert metrics is not None  # noqa: S101 (a benchmark has enough ratings)
    return [
        ("movies with personal scores", f"{data.modelled_movies:,}", f"{data.modelled_movies / data.movies:.1%}"),
        ("ratings of those", f"{data.modelled_ratings:,}", f"{data.modelled_ratings / data.ratings:.1%}"),
        ("their held-out positive ratings", "", f"{metrics.modelled_likes:.1%}"),
        ("MB stored, with the model that was evaluated", f"{trained.size_mb:,.0f}", ""),
    ]
