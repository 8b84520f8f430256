"""``matinee evaluate``: compares algorithms on held-out ratings."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from server.backend.config import Settings
from server.cli.connection import open_database
from server.cli.measures import format_measures
from server.cli.options import AsJson, command_app, examples
from server.cli.output import print_result, stage_progress
from server.recommender.algorithms.registry import ALGORITHMS, get_algorithm
from server.recommender.data.splits import SPLITS
from server.recommender.evaluation.card import Evaluation
from server.recommender.evaluation.ranking_metrics import ACTIVITY_FROM, ActivityGroup
from server.services.training.evaluation import Comparison, EvaluationService, compare_algorithms

app = command_app()


def _check_split(name: str) -> str:
    if name not in SPLITS:
        raise typer.BadParameter(f"there is no split {name!r}. Choose one of: {', '.join(SPLITS)}.")
    return name


def _check_picture(path: Path | None) -> Path | None:
    """Check before the evaluation that the picture can be drawn and written. An existing file is left alone."""
    if path is None:
        return None
    if path.suffix.lower() != ".png":
        raise typer.BadParameter(f"{path} does not end in .png.")
    if find_spec("matplotlib") is None:
        raise typer.BadParameter("drawing needs matplotlib. Install it with: pip install 'matinee[plot]'")
    try:
        is_new = not path.exists()
        path.open("ab").close()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}.") from None
    if is_new:
        path.unlink()
    return path


@app.command(
    epilog=examples(
        "matinee evaluate",
        "matinee evaluate --algorithm ease --algorithm popularity",
        "matinee evaluate --split global-time --plot reliability.png",
    )
)
def evaluate(
    split: Annotated[
        str,
        typer.Option(
            callback=_check_split,
            metavar=f"[{'|'.join(SPLITS)}]",
            help="Held-out ratings: the latest fifth of each user's ratings, the newest tenth of all ratings, "
            "a random fifth of each user's, or each user's next session.",
        ),
    ] = "temporal",
    algorithm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"Evaluate only this one of {', '.join(ALGORITHMS)}. Can be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            callback=_check_picture,
            metavar="FILE.png",
            help="Draw reliability diagrams, predicted probabilities against observed shares, into this file. "
            "Needs the extra plot: pip install 'matinee[plot]'",
        ),
    ] = None,
) -> None:
    """Compare algorithms on the same held-out ratings.

    Each algorithm ranks all movies that a user had not rated before. The metrics say how high it ranks the movies that
    the user went on to like, and how well its probabilities match. Each algorithm is tuned and calibrated without the
    held-out ratings.
    """
    names = list(dict.fromkeys(algorithm or ALGORITHMS))
    for name in names:
        get_algorithm(name)
    settings = Settings.load()
    with stage_progress() as on_progress:
        on_progress("reading", 0.0)
        with open_database(settings) as database, database.transaction(writes=False) as session:
            data = EvaluationService(session).read_data()
        comparison = compare_algorithms(data, names, split=split, settings=settings, on_progress=on_progress)
    if as_json:
        print_result(comparison.model_dump_json(indent=2))
    else:
        _print_comparison(comparison)
    if plot is not None:
        # Of the extra `plot`.
        from server.cli.plot import draw_reliability_diagrams  # noqa: PLC0415

        draw_reliability_diagrams(comparison.evaluations, split=split).savefig(plot, format="png")


def _print_comparison(comparison: Comparison) -> None:
    """Print the algorithms side by side, one metric a line, and then by how much the users have rated."""
    data, evaluations = comparison.data, comparison.evaluations
    print_result(
        f"{data.ratings:,} ratings by {data.users:,} users, {data.movies:,} movies; "
        f"{comparison.split} split, seed {comparison.seed}\n"
    )
    table = Table("", box=None, header_style="bold")
    for evaluation in evaluations:
        table.add_column(evaluation.algorithm, justify="right")
    columns = [format_measures(evaluation.metrics.model_dump()) for evaluation in evaluations]
    for cells in zip(*columns, strict=True):
        table.add_row(cells[0][0], *(text for _, text in cells))
    print_result(table)
    print_result("")
    print_result(_activity_table(evaluations))
    if all(evaluation.cold_start for evaluation in evaluations):
        print_result("")
        print_result(_cold_start_table(evaluations))


def _activity_table(evaluations: Sequence[Evaluation]) -> Table:
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
    return table


def _cold_start_table(evaluations: Sequence[Evaluation]) -> Table:
    """Return the quality for new users beside that of popularity, by the number of known ratings."""
    table = Table("first known", box=None, header_style="bold")
    table.add_column("users", justify="right")
    table.add_column("algorithm")
    for name in ("NDCG@10", "popularity", "ECE", "ECE@20"):
        table.add_column(name, justify="right")
    for groups in zip(*(evaluation.cold_start for evaluation in evaluations), strict=True):
        heads = [(f"{groups[0].known_ratings}", f"{groups[0].users:,}"), *[("", "")] * (len(groups) - 1)]
        for head, evaluation, group in zip(heads, evaluations, groups, strict=True):
            table.add_row(
                *head,
                evaluation.algorithm,
                f"{group.ndcg_at_10:.4f}",
                f"{group.popularity_ndcg_at_10:.4f}",
                f"{group.ece:.3f}",
                f"{group.ece_top_20:.3f}",
            )
    return table


def _range(bucket: ActivityGroup) -> str:
    lower = bucket.ratings_from
    upper = next((start - 1 for start in ACTIVITY_FROM if start > lower), None)
    return f"{lower} or more" if upper is None else f"{lower}-{upper}"
