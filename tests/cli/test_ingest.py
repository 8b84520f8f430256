import json
from functools import partial
from pathlib import Path

import pytest

from server.etl.download import download
from tests.support.command_line import Matinee, Outcome
from tests.support.source_files import write_source


def test_a_source_that_is_missing_is_named(matinee: Matinee) -> None:
    outcome = matinee("ingest", "nowhere")

    assert outcome == Outcome(
        1,
        "",
        "Error: 'nowhere' is neither a file or folder nor a release. Pass a folder, archive or file of "
        "MovieLens, a release (ml-latest-small, ml-latest, ml-32m, ml-25m, ml-20m, ml-10m, ml-1m, ml-100k), or demo.\n",
    )


def test_the_download_of_a_release_begins_with_the_conditions_of_its_licence(
    matinee: Matinee, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("server.cli.ingest.download", partial(download, base_url="http://127.0.0.1:1"))

    outcome = matinee("ingest", "ml-100k")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    notice, error = outcome.complained.split("Error: ")
    for words in ("research use", "same conditions", "no commercial", "https://doi.org/10.1145/2827872"):
        assert words in notice
    assert all(len(line) <= 110 for line in notice.splitlines())
    assert "http://127.0.0.1:1/ml-100k.zip" in error


def test_a_folder_that_is_not_movielens_is_named(matinee: Matinee, tmp_path: Path) -> None:
    (tmp_path / "holidays").mkdir()

    outcome = matinee("ingest", "holidays")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith(
        "Error: holidays contains no movies file, no files. Matinee reads movies.csv, "
    )


def test_a_refused_source_leaves_no_database(matinee: Matinee, tmp_path: Path) -> None:
    write_source(tmp_path / "bad", movies=["1,Toy Story (1995),Comedy"], ratings=["1,1,4.0,x"] * 3)

    outcome = matinee("ingest", "bad", database_url="sqlite:///new/folder/matinee.db")

    assert outcome == Outcome(
        1,
        "",
        "Error: None of the 3 rows of ratings.csv is usable, so nothing was loaded. Line 2: "
        'timestamp "x" is not a number of seconds or a UTC date from 1970 until today.\n',
    )
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]


def test_a_refused_source_leaves_an_existing_database_alone(matinee: Matinee, source: Path, tmp_path: Path) -> None:
    matinee("ingest", source)
    refused = matinee("ingest", write_source(tmp_path / "bad", ratings=["1,1,4.0,x"]))
    again = matinee("ingest", source).printed.splitlines()

    assert refused.exit_code == 1
    assert again[1].split() == ["movies", "2", "0", "0", "2", "0"]


def test_ratings_on_another_scale_need_an_option(matinee: Matinee, tmp_path: Path) -> None:
    source = write_source(tmp_path / "ten", movies=["1,Heat (1995),Crime"], ratings=["1,1,10,0", "2,1,7,0"])

    refused, converted = matinee("ingest", source), matinee("ingest", source, "--scale", "1-10")

    assert (refused.exit_code, refused.printed) == (1, "")
    assert "contains ratings from 7 to 10" in refused.complained
    assert "--scale 1-10" in refused.complained
    assert converted.printed.splitlines()[2].split() == ["ratings", "2", "2", "0", "0", "0"]


def test_links_and_tags_are_reported_where_present(matinee: Matinee, source: Path) -> None:
    source.joinpath("links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n")
    source.joinpath("tags.csv").write_text("userId,movieId,tag,timestamp\n1,1,pixar,0\n1,99,pixar,0\n")

    lines = matinee("ingest", source).printed.splitlines()

    assert [line.split() for line in lines[1:5]] == [
        ["movies", "2", "2", "0", "0", "0"],
        ["links", "1", "1", "0", "0", "0"],
        ["ratings", "4", "1", "0", "0", "3"],
        ["tags", "2", "1", "0", "0", "1"],
    ]


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
    missing = dict.fromkeys(("read", "added", "updated", "unchanged", "rejected"), 0)
    rejected = report.pop("first_rejected")
    assert report == {
        "movies": none | {"read": 2, "added": 2, "rejected": 0},
        "links": missing,
        "ratings": none | {"read": 4, "added": 1, "rejected": 3},
        "tags": missing,
        "users_added": 1,
    }
    assert sorted(line.partition(": ")[0] for line in rejected) == [f"ratings.csv:{number}" for number in (3, 4, 5)]


def test_rejected_rows_are_written_to_a_file(matinee: Matinee, source: Path, tmp_path: Path) -> None:
    printed = matinee("ingest", source, "--rejects", "rejects.txt").printed

    rejected = [f"rejected {line}" for line in (tmp_path / "rejects.txt").read_text().splitlines()]
    assert rejected == printed.splitlines()[4:]
    assert len(rejected) == 3


def test_of_many_rejected_rows_the_first_are_listed(matinee: Matinee, tmp_path: Path) -> None:
    source = write_source(
        tmp_path / "bad", movies=["1,Toy Story (1995),Comedy"], ratings=["1,1,4,0", *["1,1,4,x"] * 50]
    )

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
