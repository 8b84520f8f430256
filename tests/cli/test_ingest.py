import json
from pathlib import Path

from tests.support.command_line import Matinee, Outcome
from tests.support.source_files import write_source


def test_a_source_that_is_missing_is_named(matinee: Matinee) -> None:
    outcome = matinee("ingest", "nowhere")

    assert outcome == Outcome(
        1,
        "",
        "Error: 'nowhere' is neither a file or folder nor a release. Name a folder or .zip of MovieLens "
        "files, a release (ml-latest-small, ml-latest, ml-32m, ml-25m, ml-20m, ml-10m, ml-1m), or demo.\n",
    )


def test_a_folder_that_is_not_movielens_is_named(matinee: Matinee, tmp_path: Path) -> None:
    (tmp_path / "holidays").mkdir()

    outcome = matinee("ingest", "holidays")

    assert outcome == Outcome(
        1, "", "Error: holidays holds neither movies.csv and ratings.csv nor movies.dat and ratings.dat.\n"
    )


def test_an_ingestion_counts_every_row_and_lists_what_it_rejects(matinee: Matinee, source: Path) -> None:
    outcome = matinee("ingest", source)

    lines = outcome.printed.splitlines()
    assert (outcome.exit_code, outcome.complained) == (0, "")
    assert [line.split() for line in lines[:3]] == [
        ["read", "added", "updated", "unchanged", "rejected"],
        ["movies", "2", "2", "0", "0", "0"],
        ["ratings", "4", "1", "0", "0", "3"],
    ]
    assert lines[3] == "1 new users."
    rejected = {line.partition(": ")[0] for line in lines[4:]}
    assert rejected == {f"rejected ratings.csv:{number}" for number in (3, 4, 5)}


def test_an_ingestion_reports_json_to_a_script(matinee: Matinee, source: Path) -> None:
    report = json.loads(matinee("ingest", source, "--json").printed)

    none = {"updated": 0, "unchanged": 0}
    rejected = report.pop("first_rejected")
    assert report == {
        "movies": none | {"read": 2, "added": 2, "rejected": 0},
        "ratings": none | {"read": 4, "added": 1, "rejected": 3},
        "users_added": 1,
    }
    assert sorted(line.partition(": ")[0] for line in rejected) == [f"ratings.csv:{number}" for number in (3, 4, 5)]


def test_rejected_rows_are_written_to_a_file(matinee: Matinee, source: Path, tmp_path: Path) -> None:
    printed = matinee("ingest", source, "--rejects", "rejects.txt").printed

    rejected = [f"rejected {line}" for line in (tmp_path / "rejects.txt").read_text().splitlines()]
    assert rejected == printed.splitlines()[4:]
    assert len(rejected) == 3


def test_of_many_rejected_rows_the_first_are_listed(matinee: Matinee, tmp_path: Path) -> None:
    source = write_source(tmp_path / "bad", movies=["1,Toy Story (1995),Comedy"], ratings=["1,1,9,0"] * 50)

    lines = matinee("ingest", source).printed.splitlines()

    assert len(lines) == 4 + 20 + 1
    assert lines[-1] == "… and 30 more; --rejects FILE writes all of them."


def test_a_second_ingestion_changes_nothing(matinee: Matinee, source: Path) -> None:
    matinee("ingest", source)

    lines = matinee("ingest", source).printed.splitlines()

    assert [line.split() for line in lines[1:3]] == [
        ["movies", "2", "0", "0", "2", "0"],
        ["ratings", "4", "0", "0", "1", "3"],
    ]
    assert lines[3] == "0 new users."
