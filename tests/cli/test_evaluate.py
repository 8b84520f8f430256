import json
import sys
from pathlib import Path

import pytest

from server.cli.measures import MEASURES
from tests.support.command_line import Matinee
from tests.support.tables import for_each


def test_an_evaluation_prints_tables_or_json(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    printed, table = matinee("evaluate", "--json"), matinee("evaluate").printed

    comparison = json.loads(printed.printed)
    evaluations = comparison.pop("evaluations")
    assert printed.complained == ""
    assert comparison == {"split": "temporal", "seed": 0, "data": {"ratings": 24398, "users": 300, "movies": 300}}
    heading, *measures, activity, cold_start = [part.splitlines() for part in table.split("\n\n")]
    assert heading == ["24,398 ratings by 300 users, 300 movies; temporal split, seed 0"]
    assert measures[0][0].split() == [evaluation["algorithm"] for evaluation in evaluations]
    assert measures[0][3].split() == ["NDCG@10", *(f"{each['metrics']['ndcg_at_10']:.4f}" for each in evaluations)]
    assert [line.split()[:3] for line in activity[:2]] == [["known", "ratings", "users"], ["20-49", "77", "ease"]]
    assert activity[-3].split()[:3] == ["50-199", "222", "ease"]
    assert cold_start[1].split()[:3] == ["0", "42", "ease"]


def test_a_split_and_algorithms_are_chosen(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    outcome = matinee(
        *("evaluate", "--json", "--split", "global-time"),
        *("--algorithm", "popularity", "--algorithm", "nmf", "--algorithm", "popularity"),
        seed="3",
    )

    comparison = json.loads(outcome.printed)
    assert (comparison["split"], comparison["seed"]) == ("global-time", 3)
    assert [evaluation["algorithm"] for evaluation in comparison["evaluations"]] == ["popularity", "nmf"]


def test_an_evaluation_has_the_metrics_of_a_training(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    trained = matinee("train", "--algorithm", "nmf").printed.splitlines()[2:]
    evaluated = matinee("evaluate", "--algorithm", "nmf").printed.splitlines()[3 : 3 + len(MEASURES)]

    assert [line.split() for line in trained] == [line.split() for line in evaluated]


@for_each(
    ("arguments", "exit_code", "sentence"),
    [
        (
            ("--split", "yesterday"),
            2,
            "Invalid value for '--split': there is no split 'yesterday'. Choose one of: temporal, global-time, random, "
            "next-session.",
        ),
        (("--algorithm", "magic"), 1, "Unknown algorithm 'magic'. Choose one of: ease, nmf, popularity."),
        (
            ("--plot", "nowhere/plot.png"),
            2,
            "Invalid value for '--plot': nowhere/plot.png cannot be written: No such file or directory.",
        ),
        (("--plot", "folder.png"), 2, "Invalid value for '--plot': folder.png cannot be written: Is a directory."),
        (("--plot", "plot.pdf"), 2, "Invalid value for '--plot': plot.pdf does not end in .png."),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_read(
    matinee: Matinee, arguments: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    Path("folder.png").mkdir(exist_ok=True)

    outcome = matinee("evaluate", *arguments)

    assert (outcome.exit_code, outcome.printed) == (exit_code, "")
    assert outcome.complained.splitlines()[-1] == f"Error: {sentence}"
    assert [path.name for path in Path().iterdir()] == ["folder.png"]


def test_the_probabilities_are_drawn(matinee: Matinee, tmp_path: Path) -> None:
    matinee("ingest", "demo")

    outcome = matinee("evaluate", "--algorithm", "popularity", "--algorithm", "nmf", "--plot", "plot.png")

    assert (outcome.exit_code, outcome.complained) == (0, "")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_a_failing_evaluation_leaves_the_last_picture_alone(matinee: Matinee, source: Path, tmp_path: Path) -> None:
    matinee("ingest", source)
    (tmp_path / "last.png").write_bytes(b"the last one")

    outcomes = [matinee("evaluate", "--plot", name) for name in ("last.png", "new.png")]

    assert [outcome.exit_code for outcome in outcomes] == [1, 1]
    assert (tmp_path / "last.png").read_bytes() == b"the last one"
    assert not (tmp_path / "new.png").exists()


def test_without_matplotlib_a_plot_names_the_extra(matinee: Matinee, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    outcome = matinee("evaluate", "--plot", "plot.png")

    assert outcome.exit_code == 2
    assert outcome.complained.splitlines()[-1] == (
        "Error: Invalid value for '--plot': drawing needs matplotlib. Install it with: pip install 'matinee[plot]'"
    )
