import json

from tests.support.command_line import Matinee, Outcome


def test_without_a_run_the_list_says_how_to_train(matinee: Matinee) -> None:
    assert matinee("runs") == Outcome(0, "No training has been requested yet. Train a model with: matinee train\n", "")


def test_runs_are_listed_newest_first(matinee: Matinee) -> None:
    matinee("ingest", "demo")
    for _ in range(2):
        matinee("train", "--algorithm", "popularity")

    rows = [line.split()[:2] for line in matinee("runs").printed.splitlines()[1:]]
    newest = json.loads(matinee("runs", "--limit", "1", "--json").printed)

    assert rows == [["2", "succeeded"], ["1", "succeeded"]]
    assert [(run["run_id"], run["version"]) for run in newest["runs"]] == [(2, 2)]
    assert newest["total"] == 2


def test_an_ended_run_cannot_be_cancelled(matinee: Matinee) -> None:
    matinee("ingest", "demo")
    matinee("train", "--algorithm", "popularity")

    outcome = matinee("runs", "cancel", "1")

    assert outcome == Outcome(1, "", "Error: Training run 1 has already ended: its status is succeeded.\n")


def test_an_unknown_run_cannot_be_cancelled(matinee: Matinee) -> None:
    outcome = matinee("runs", "cancel", "7")

    assert outcome == Outcome(1, "", "Error: Training run 7 does not exist. List the runs with: matinee runs\n")
