"""What the ``matinee`` command prints: sentences, tables and progress bars."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from server.recommender.evaluation.card import Evaluation
from server.recommender.evaluation.ranking_metrics import ACTIVITY_FROM, ActivityGroup
from server.schemas.recommendation_engine import ModelVersion, ModelVersionPage, TrainingRun
from server.services.diagnostics import Finding

MEASURES = {
    "Held-out ratings": "{calibration_pairs:,}",
    "Users who like some of them": "{evaluated_users:,}",
    "NDCG@10": "{ndcg_at_10:.4f}",
    "  95% interval": "{ndcg_at_10_low:.3f}-{ndcg_at_10_high:.3f}",
    "Recall@20": "{recall_at_20:.4f}",
    "Hit rate, first 10": "{hit_rate_at_10:.1%}",
    "Coverage, first 10": "{coverage:.1%}",
    "Novelty, first 10": "{novelty:.2f} bits",
    "Likes of modelled movies": "{modelled_likes:.1%}",
    "Calibration error (ECE)": "{ece:.4f}",
    "  by chance alone": "{ece_floor:.4f}",
    "ECE, first 20": "{ece_top_20:.4f}",
    "  by chance alone there": "{ece_top_20_floor:.4f}",
    "Brier score": "{brier:.4f}",
    "Log loss": "{log_loss:.4f}",
    "AUC": "{auc:.4f}",
}
"""What people read of the metrics, in their order: a name, and how the fields are written."""

# Progress goes to standard error, results to standard output, so that these can be piped.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True)


def say(sentence: str) -> None:
    """Print a sentence as it is."""
    out.print(sentence, markup=False)


def remark(sentence: str) -> None:
    """Print a sentence that is no result, to standard error."""
    err.print(sentence, markup=False)


@contextmanager
def stage_progress() -> Iterator[Callable[[str, float], None]]:
    """Show what is being done and how far it is; gives the function to call with stage and share."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda stage, share: progress.update(task, description=stage, completed=share)


class Training(BaseModel):
    """A training that has ended, and the version it made; null where there was nothing to do."""

    run: TrainingRun | None
    version: ModelVersion | None


def print_no_training(*, as_json: bool) -> None:
    """Say that no training was needed."""
    if as_json:
        say(Training(run=None, version=None).model_dump_json(indent=2))
        return
    say("The newest version was trained on these very ratings; nothing to do.")


def print_version(version: ModelVersion, run: TrainingRun, *, as_json: bool) -> None:
    """Print a new model version and its metrics."""
    if as_json:
        say(Training(run=run, version=version).model_dump_json(indent=2))
        return
    is_live = "is live" if run.is_activated else "is kept, but not live"
    say(f"Version {version.version} ({version.algorithm}) trained in {version.duration_s:.1f} s and {is_live}.")
    if run.verdict:
        say(run.verdict)
    if not run.is_activated:
        say(f"To make it live all the same: matinee models activate {version.version}")
    for name, text in _measures(version.metrics):
        say(f"  {name:<29}{text:>11}")


def print_versions(page: ModelVersionPage, *, as_json: bool) -> None:
    """Print the ledger, newest first."""
    if as_json:
        say(page.model_dump_json(indent=2))
        return
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


class DataCounts(BaseModel):
    """What an evaluation divides into known and held-out ratings."""

    ratings: int
    users: int
    movies: int


class Comparison(BaseModel):
    """Algorithms that were measured on the same held-out ratings."""

    split: str
    seed: int
    data: DataCounts
    evaluations: list[Evaluation]


def print_comparison(comparison: Comparison) -> None:
    """Print algorithms side by side, one measure a line, and then by how much users have rated."""
    data, evaluations = comparison.data, comparison.evaluations
    say(
        f"{data.ratings:,} ratings by {data.users:,} users, {data.movies:,} movies; "
        f"{comparison.split} split, seed {comparison.seed}\n"
    )
    table = Table("", box=None, header_style="bold")
    for evaluation in evaluations:
        table.add_column(evaluation.algorithm, justify="right")
    columns = [_measures(evaluation.metrics.model_dump()) for evaluation in evaluations]
    for cells in zip(*columns, strict=True):
        table.add_row(cells[0][0], *(text for _, text in cells))
    out.print(table)
    say("")
    _print_activity(evaluations)


def _print_activity(evaluations: Sequence[Evaluation]) -> None:
    table = Table("known ratings", box=None, header_style="bold")
    table.add_column("users", justify="right")
    table.add_column("algorithm")
    for name in ("NDCG@10", "Recall@20", "hit rate"):
        table.add_column(name, justify="right")
    for buckets in zip(*(evaluation.activity for evaluation in evaluations), strict=True):
        heads = [(_range(buckets[0]), f"{buckets[0].users:,}"), *[("", "")] * (len(buckets) - 1)]
        for head, evaluation, bucket in zip(heads, evaluations, buckets, strict=True):
            numbers = (f"{bucket.ndcg_at_10:.4f}", f"{bucket.recall_at_20:.4f}", f"{bucket.hit_rate_at_10:.1%}")
            table.add_row(*head, evaluation.algorithm, *numbers)
    out.print(table)


def _range(bucket: ActivityGroup) -> str:
    lower = bucket.ratings_from
    upper = next((start - 1 for start in ACTIVITY_FROM if start > lower), None)
    return f"{lower} or more" if upper is None else f"{lower}-{upper}"


def _measures(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(name, text.format_map(metrics)) for name, text in MEASURES.items()]


def print_examination(findings: Sequence[Finding]) -> None:
    """Print what the doctor found, a line each, and below what is wrong how to remedy it."""
    for finding in findings:
        say(f"{finding.health:<8} {finding.name}: {finding.detail}")
        if finding.remedy:
            say(f"{'':<8}   {finding.remedy}")


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
