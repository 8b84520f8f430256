import json
import re
from pathlib import Path
from string import Formatter

from server.cli.measures import MEASURES
from server.recommender.evaluation.card import Metrics
from tests.support.command_line import Matinee, Outcome
from tests.support.tables import for_each


@for_each(
    "words",
    [("evaluate",), ("evaluate", "--split", "global-time"), ("evaluate", "--split", "random")],
)
def test_too_few_ratings_are_counted(matinee: Matinee, source: Path, words: tuple[str, ...]) -> None:
    matinee("ingest", source)

    outcome = matinee(*words)

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith(
        "Error: A training needs 10 users with 5 ratings or more. There are 1 ratings "
    )


def test_too_few_ratings_train_popularity(matinee: Matinee, source: Path) -> None:
    matinee("ingest", source)

    outcome = matinee("train")

    first, verdict = outcome.printed.splitlines()
    assert outcome.exit_code == 0
    assert first.startswith("Version 1 (popularity) trained in ")
    assert verdict.startswith("Trained popularity instead of ease. A training needs 10 users with 5 ratings or more. ")


def test_an_unknown_algorithm_is_refused(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    outcome = matinee("train", "--algorithm", "magic")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained == "Error: Unknown algorithm 'magic'. Choose one of: ease, nmf, popularity.\n"
    assert "failed" not in matinee("runs").printed


def test_a_training_only_if_needed_happens_once(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    first, second = (matinee("train", "--algorithm", "popularity", "--if-needed") for _ in range(2))

    assert first.exit_code == 0
    assert first.printed.startswith("Version 1 (popularity) trained in ")
    assert second == Outcome(0, "The newest version was trained on the current ratings; nothing to do.\n", "")


def test_a_training_and_the_versions_are_json_for_a_script(matinee: Matinee) -> None:
    empty = json.loads(matinee("models", "--json").printed)
    matinee("ingest", "demo")

    first, second = (
        json.loads(matinee("train", "--algorithm", "popularity", "--if-needed", "--json").printed) for _ in range(2)
    )
    versions = json.loads(matinee("models", "--json").printed)

    assert empty == {"models": [], "total": 0, "page": 1, "limit": 100}
    assert [first["run"]["status"], first["run"]["version"], first["version"]["version"]] == ["succeeded", 1, 1]
    assert second == {"run": None, "version": None}
    assert versions == {"models": [first["version"]], "total": 1, "page": 1, "limit": 100}


def test_a_training_prints_its_metrics(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    # After two lines on the version and its verdict.
    measures = matinee("train", "--algorithm", "popularity").printed.splitlines()[2:]

    assert [line[2:31].rstrip() for line in measures] == list(MEASURES)
    assert re.fullmatch(r"  NDCG@10 +0\.\d{4}", measures[2])


def test_every_metric_is_printed() -> None:
    fields = {field for text in MEASURES.values() for _, field, _, _ in Formatter().parse(text) if field}

    assert fields == set(Metrics.model_fields)
