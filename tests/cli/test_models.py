from pathlib import Path

from tests.support.command_line import Matinee, Outcome


def test_without_a_model_the_list_says_how_to_train_one(matinee: Matinee) -> None:
    assert matinee("models") == Outcome(0, "No model has been trained yet. Train one with: matinee train\n", "")


def test_versions_are_listed_activated_and_pruned(matinee: Matinee, tmp_path: Path) -> None:
    matinee("ingest", "demo")
    for _ in range(3):
        matinee("train", "--algorithm", "popularity")

    activated = matinee("models", "activate", "1")
    pruned = matinee("models", "prune", "--keep", "1")

    assert activated == Outcome(0, "Version 1 is live.\n", "")
    assert pruned == Outcome(0, "1 versions and 1 artifacts deleted.\n", "")
    rows = [line.split()[:3] for line in matinee("models").printed.splitlines()[1:]]
    assert rows == [["3", "popularity", rows[0][2]], ["1", "live", "popularity"]]
    assert len(list((tmp_path / "data" / "models").iterdir())) == 2


def test_an_unknown_version_cannot_be_activated(matinee: Matinee) -> None:
    outcome = matinee("models", "activate", "9")

    assert outcome == Outcome(1, "", "Error: Model version 9 does not exist. List the versions with: matinee models\n")
