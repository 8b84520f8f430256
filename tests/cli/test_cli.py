"""The command line, in a folder of its own with the default settings: an SQLite database under `data`."""

import io
import json
import os
import pty
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from string import Formatter
from subprocess import PIPE
from typing import NamedTuple

import pytest
import typer.main
from typer.core import TyperGroup

from server.cli import app, main
from server.cli.output import MEASURES
from server.recommender.evaluation.card import Metrics
from tests.support.passwords import ANOTHER, PASSWORD
from tests.support.source_files import write_source

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
MATINEE = Path(sys.executable).with_name("matinee")
BAD_RATINGS = ["1,1,5.5,0", "1,99,4.0,0", "1,1"]


class Outcome(NamedTuple):
    exit_code: int
    printed: str
    complained: str


Matinee = Callable[..., Outcome]
TypeIn = Callable[[str | bytes], None]


def list_commands(group: TyperGroup, *parents: str) -> Iterator[tuple[str, ...]]:
    """Give the words of every command, of the groups as well."""
    for name, command in group.commands.items():
        yield (*parents, name)
        if isinstance(command, TyperGroup):
            yield from list_commands(command, *parents, name)


def command_group() -> TyperGroup:
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def parse(group: TyperGroup, words: list[str]) -> None:
    """Read a command line down to its command, without running it; raises what the command would."""
    command = group.commands[words[0]]
    if isinstance(command, TyperGroup) and words[1:] and not words[1].startswith("-"):
        parse(command, words[1:])
    else:
        command.make_context(words[0], words[1:])


COMMANDS = [(), *list_commands(command_group())]


@pytest.fixture
def matinee(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Matinee:
    """Give a function that runs the command with arguments and, by keyword, settings."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("MATINEE_"):
            monkeypatch.delenv(name)

    def run(*arguments: str | Path, **settings: str) -> Outcome:
        for name, value in settings.items():
            monkeypatch.setenv(f"MATINEE_{name.upper()}", value)
        monkeypatch.setattr(sys, "argv", ["matinee", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        output = capsys.readouterr()
        # What Python does with a text that a program exits with.
        if isinstance(ended.value.code, str):
            return Outcome(1, output.out, f"{output.err}{ended.value.code}\n")
        return Outcome(int(ended.value.code or 0), output.out, output.err)

    return run


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> TypeIn:
    """Give a function that puts a line on standard input."""

    def put(line: str | bytes) -> None:
        text = line.encode() if isinstance(line, str) else line
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text + b"\nanother line\n")))

    return put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write a source of two movies and one rating, and three ratings that cannot be used."""
    return write_source(
        tmp_path / "source",
        movies=["1,Toy Story (1995),Comedy", "2,Heat (1995),Crime"],
        ratings=["1,1,4.0,964982703", *BAD_RATINGS],
    )


@pytest.fixture
def listening_port() -> Iterator[int]:
    """Listen on a port, and give it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        yield port


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(matinee: Matinee, words: tuple[str, ...]) -> None:
    outcome = matinee(*words, "--help")

    assert (outcome.exit_code, outcome.complained) == (0, "")
    assert outcome.printed.startswith(f"Usage: {' '.join(('matinee', *words))} ")
    assert outcome.printed.splitlines()[2].strip()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_has_examples_that_can_be_run(matinee: Matinee, words: tuple[str, ...]) -> None:
    examples = re.findall(r"^    (?:.* )?matinee (.*?)(?: [|<].*)?$", matinee(*words, "--help").printed, re.MULTILINE)

    assert examples
    for example in examples:
        given = shlex.split(example)
        assert tuple(given[: len(words)]) == words
        parse(command_group(), given)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_documented(words: tuple[str, ...]) -> None:
    assert f"## `{' '.join(('matinee', *words))}`\n" in DOCS.read_text(encoding="utf-8")


def test_an_example_that_is_wrong_would_be_noticed() -> None:
    with pytest.raises(typer.BadParameter):
        parse(command_group(), ["models", "prune", "--keep", "few"])


def test_what_exit_codes_mean_is_told_and_true(matinee: Matinee) -> None:
    told = matinee("--help").printed.partition("Exit codes:")[2]

    assert [line.split()[0] for line in told.strip().splitlines()] == ["0", "1", "2", "130"]
    assert matinee("models").exit_code == 0
    assert matinee("ingest", "nowhere").exit_code == 1
    assert matinee("ingest").exit_code == 2


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("tra",), ["train"]),
        (("models", ""), ["activate", "prune"]),
        (("train", "--algorithm", "e"), ["ease"]),
        (("ingest", "ml-latest"), ["ml-latest-small", "ml-latest"]),
        (("train", "--if"), ["--if-needed"]),
    ],
)
def test_the_shell_completes(typed: tuple[str, ...], offered: list[str], tmp_path: Path) -> None:
    completed = subprocess.run(
        [MATINEE],
        env=os.environ
        | {
            "_MATINEE_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(("matinee", *typed)),
            "COMP_CWORD": str(len(typed)),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (completed.stdout.splitlines(), completed.stderr) == (offered, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(
    tmp_path: Path, variables: dict[str, str], *, is_coloured: bool
) -> None:
    leader, follower = pty.openpty()
    command = [str(MATINEE), "ingest", "demo"]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm"} | variables

    done = subprocess.run(command, env=environment, cwd=tmp_path, stderr=follower, stdout=PIPE, check=False)
    os.close(follower)
    shown = read_all(leader)

    assert (done.returncode, b"\x1b" in done.stdout) == (0, False)
    assert (re.search(rb"\x1b\[[0-9;]*3[0-9]", shown) is not None) == is_coloured


def read_all(terminal: int) -> bytes:
    """Give what was written to a terminal whose other end is closed."""
    shown = b""
    with suppress(OSError):  # as Linux says that nobody is there any more
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    return shown


def test_without_a_command_the_help_is_shown(matinee: Matinee) -> None:
    outcome = matinee()

    assert outcome == Outcome(2, "", matinee("--help").printed)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "database_url",
            "mysql://localhost/db",
            "MATINEE_DATABASE_URL names the database 'mysql'; Matinee runs on sqlite and postgresql.",
        ),
        (
            "database_url",
            "somewhere",
            "MATINEE_DATABASE_URL is not a database URL; "
            "write sqlite:///path/to/file.db or postgresql://user@host/database.",
        ),
        (
            "database_url",
            "sqlite://",
            "MATINEE_DATABASE_URL names a database in memory, which other processes can't see; name a file.",
        ),
        ("seed", "-1", "MATINEE_SEED must be at least 0."),
        (
            "model_store",
            "nowhere://x",
            "MATINEE_MODEL_STORE 'nowhere://x' cannot be opened: Protocol not known: nowhere",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(matinee: Matinee, name: str, value: str, sentence: str) -> None:
    assert matinee("train", **{name: value}) == Outcome(1, "", f"Error: {sentence}\n")


def test_all_wrong_settings_are_named_at_once(matinee: Matinee) -> None:
    outcome = matinee("models", seed="x", refresh_interval_s="0")

    assert outcome == Outcome(
        1,
        "",
        "Error: MATINEE_SEED must be a whole number.\nMATINEE_REFRESH_INTERVAL_S must be greater than 0.0.\n",
    )


def test_the_real_command_shows_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [MATINEE, "serve"],
        env=os.environ | {"MATINEE_DATABASE_URL": "mysql://localhost/db"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    sentence = "MATINEE_DATABASE_URL names the database 'mysql'; Matinee runs on sqlite and postgresql."
    assert Outcome(done.returncode, done.stdout, done.stderr) == Outcome(1, "", f"Error: {sentence}\n")


def test_settings_are_read_from_a_file_too(matinee: Matinee, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MATINEE_SEED=-1\n")

    assert matinee("models").complained == "Error: MATINEE_SEED must be at least 0.\n"


def test_a_database_that_does_not_answer_is_named_without_its_password(matinee: Matinee) -> None:
    outcome = matinee("models", database_url="postgresql://me:secret@127.0.0.1:1/db")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith(
        "Error: the database postgresql+psycopg://me:***@127.0.0.1:1/db cannot be used"
    )
    assert "secret" not in outcome.complained
    assert "Traceback" not in outcome.complained


@pytest.mark.parametrize(
    "words", [("ingest", "demo"), ("train",), ("models",), ("serve",), ("db", "upgrade")], ids=" ".join
)
def test_a_database_of_a_newer_release_is_left_alone(matinee: Matinee, tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "newer.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999_from_the_future')")
    connection.close()

    outcome = matinee(*words, database_url=f"sqlite:///{file}")

    assert outcome == Outcome(
        1,
        "",
        "Error: The database holds a schema that this release does not know: it was made by a newer release of Matinee "
        "or by another program. Install the newer release, or name another database in MATINEE_DATABASE_URL.\n",
    )


def test_an_upgrade_can_be_run_again(matinee: Matinee) -> None:
    outcomes = [matinee("db", "upgrade") for _ in range(2)]

    assert outcomes == [Outcome(0, "The database has this release's schema.\n", "")] * 2


def test_a_source_that_is_missing_is_named(matinee: Matinee) -> None:
    outcome = matinee("ingest", "nowhere")

    assert outcome == Outcome(
        1,
        "",
        "Error: There is no file or folder 'nowhere', nor a release of that name. Name a folder or .zip of MovieLens "
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


def test_a_training_and_the_ledger_report_json_to_a_script(matinee: Matinee) -> None:
    empty = json.loads(matinee("models", "--json").printed)
    matinee("ingest", "demo")

    first, second = (
        json.loads(matinee("train", "--algorithm", "popularity", "--if-needed", "--json").printed) for _ in range(2)
    )
    ledger = json.loads(matinee("models", "--json").printed)

    assert empty == {"models": [], "total": 0, "page": 1, "limit": 100}
    assert [first["run"]["status"], first["run"]["version"], first["version"]["version"]] == ["succeeded", 1, 1]
    assert second == {"run": None, "version": None}
    assert ledger == {"models": [first["version"]], "total": 1, "page": 1, "limit": 100}


def test_rejected_rows_are_written_to_a_file(matinee: Matinee, source: Path, tmp_path: Path) -> None:
    printed = matinee("ingest", source, "--rejects", "rejects.txt").printed

    rejected = [f"rejected {line}" for line in (tmp_path / "rejects.txt").read_text().splitlines()]
    assert rejected == printed.splitlines()[4:]
    assert len(rejected) == 3


def test_of_many_rejected_rows_the_first_are_listed(matinee: Matinee, tmp_path: Path) -> None:
    source = write_source(tmp_path / "bad", movies=["1,Toy Story (1995),Comedy"], ratings=["1,1,9,0"] * 50)

    lines = matinee("ingest", source).printed.splitlines()

    assert len(lines) == 4 + 20 + 1
    assert lines[-1] == "… and 30 more; --rejects FILE writes them all."


def test_a_second_ingestion_changes_nothing(matinee: Matinee, source: Path) -> None:
    matinee("ingest", source)

    lines = matinee("ingest", source).printed.splitlines()

    assert [line.split() for line in lines[1:3]] == [
        ["movies", "2", "0", "0", "2", "0"],
        ["ratings", "4", "0", "0", "1", "3"],
    ]
    assert lines[3] == "0 new users."


def test_a_port_in_use_is_named(matinee: Matinee, listening_port: int) -> None:
    outcome = matinee("serve", "--port", str(listening_port))

    assert outcome == Outcome(
        1,
        "",
        f"Error: Cannot listen on 127.0.0.1:{listening_port}: Address already in use. Choose another with --port.\n",
    )


def test_an_empty_ledger_says_how_to_fill_it(matinee: Matinee) -> None:
    assert matinee("models") == Outcome(0, "No model has been trained yet: matinee train\n", "")


@pytest.mark.parametrize(
    "words",
    [("train",), ("evaluate",), ("evaluate", "--split", "global-time"), ("evaluate", "--split", "random")],
    ids=" ".join,
)
def test_too_few_ratings_are_counted(matinee: Matinee, source: Path, words: tuple[str, ...]) -> None:
    matinee("ingest", source)

    outcome = matinee(*words)

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith("Error: There are 1 ratings, and 0 users with ")


def test_an_algorithm_is_chosen_from_those_there_are(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    outcome = matinee("train", "--algorithm", "magic")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained == "Error: Unknown algorithm 'magic'. Choose one of: ease, nmf, popularity.\n"


def test_a_training_only_if_needed_happens_once(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    first, second = (matinee("train", "--algorithm", "popularity", "--if-needed") for _ in range(2))

    assert first.exit_code == 0
    assert first.printed.startswith("Version 1 (popularity) trained in ")
    assert second == Outcome(0, "The newest version was trained on these very ratings; nothing to do.\n", "")


def test_the_ledger_is_listed_changed_and_pruned(matinee: Matinee, tmp_path: Path) -> None:
    matinee("ingest", "demo")
    for _ in range(3):
        matinee("train", "--algorithm", "popularity")

    activated = matinee("models", "activate", "1")
    pruned = matinee("models", "prune", "--keep", "1")

    assert activated == Outcome(0, "Version 1 is live.\n", "")
    assert pruned == Outcome(0, "1 versions forgotten, 1 artifacts deleted.\n", "")
    rows = [line.split()[:3] for line in matinee("models").printed.splitlines()[1:]]
    assert rows == [["3", "popularity", rows[0][2]], ["1", "live", "popularity"]]
    assert len(list((tmp_path / "data" / "models").iterdir())) == 2


def test_an_unknown_version_cannot_be_activated(matinee: Matinee) -> None:
    outcome = matinee("models", "activate", "9")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith("Error: Model version 9 does not exist.")


def test_users_who_can_log_in_are_made_and_changed(matinee: Matinee, type_in: TypeIn) -> None:
    created = []
    for options in ([], ["--admin"]):
        type_in(PASSWORD)
        created.append(matinee("user", "create", *options))
    type_in(ANOTHER)
    changed = [matinee("user", "set-password", "1"), matinee("user", "grant", "1"), matinee("user", "revoke", "2")]

    assert created == [
        Outcome(0, "User 1 can log in; the role is user.\n", ""),
        Outcome(0, "User 2 can log in; the role is admin.\n", ""),
    ]
    assert changed == [
        Outcome(0, "User 1 can log in with the new password only.\n", ""),
        Outcome(0, "User 1 is an admin.\n", ""),
        Outcome(0, "User 2 is no admin.\n", ""),
    ]
    with sqlite3.connect("data/matinee.db") as connection:
        rows = connection.execute("SELECT user_id, role, generation FROM credentials ORDER BY user_id").fetchall()
    connection.close()
    assert rows == [(1, "admin", 2), (2, "user", 1)]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (b"short", "A password has 12 to 1024 characters; this one has 5. "),
        (b"", "A password has 12 to 1024 characters; this one has 0. "),
        (b"\xff" * 20, "The password is not text in UTF-8."),
    ],
)
def test_an_unfit_password_is_one_sentence(matinee: Matinee, type_in: TypeIn, typed: bytes, sentence: str) -> None:
    type_in(typed)

    outcome = matinee("user", "create")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith(f"Error: {sentence}")


def test_no_password_is_taken_from_the_arguments(matinee: Matinee, type_in: TypeIn) -> None:
    type_in(PASSWORD)

    assert matinee("user", "create", PASSWORD).exit_code == 2
    assert matinee("user", "create", "--password", PASSWORD).exit_code == 2


def test_a_role_is_for_who_can_log_in(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    assert matinee("user", "grant", "7").complained == (
        "Error: User 7 has no password. Set a password first: matinee user set-password 7\n"
    )


def test_an_unknown_user_gets_no_password(matinee: Matinee, type_in: TypeIn) -> None:
    type_in(PASSWORD)

    assert matinee("user", "set-password", "7").complained.startswith("Error: User 7 does not exist.")


@pytest.mark.parametrize("user", ["0", "9223372036854775808", "alice"])
def test_a_user_is_named_by_his_id(matinee: Matinee, user: str) -> None:
    assert matinee("user", "grant", user).exit_code == 2


def test_authentication_without_a_secret_stops_the_start(matinee: Matinee) -> None:
    outcome = matinee("serve", auth="on")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith("Error: MATINEE_AUTH_SECRET must have at least 32 random characters")


def test_limits_that_cannot_be_counted_stop_the_start(matinee: Matinee) -> None:
    outcome = matinee("serve", limits_storage="nowhere://x")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith("Error: MATINEE_LIMITS_STORAGE names nothing to count in. ")


def test_a_training_prints_what_it_measured(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    # Behind what became of the version, and why.
    measures = matinee("train", "--algorithm", "popularity").printed.splitlines()[2:]

    assert [line[2:31].rstrip() for line in measures] == list(MEASURES)
    assert re.fullmatch(r"  NDCG@10 +0\.\d{4}", measures[2])


def test_every_metric_is_printed() -> None:
    fields = {field for text in MEASURES.values() for _, field, _, _ in Formatter().parse(text) if field}

    assert fields == set(Metrics.model_fields)


def test_an_evaluation_is_given_as_json_or_as_tables(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    printed, table = matinee("evaluate", "--json"), matinee("evaluate").printed

    comparison = json.loads(printed.printed)
    evaluations = comparison.pop("evaluations")
    assert printed.complained == ""
    assert comparison == {"split": "temporal", "seed": 0, "data": {"ratings": 24398, "users": 300, "movies": 300}}
    heading, *measures, activity = [part.splitlines() for part in table.split("\n\n")]
    assert heading == ["24,398 ratings by 300 users, 300 movies; temporal split, seed 0"]
    assert measures[0][0].split() == [evaluation["algorithm"] for evaluation in evaluations]
    assert measures[0][3].split() == ["NDCG@10", *(f"{each['metrics']['ndcg_at_10']:.4f}" for each in evaluations)]
    assert [line.split()[:3] for line in activity[:2]] == [["known", "ratings", "users"], ["20-49", "77", "ease"]]
    assert activity[-3].split()[:3] == ["50-199", "222", "ease"]


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


def test_an_evaluation_measures_what_a_training_reports(matinee: Matinee) -> None:
    matinee("ingest", "demo")

    trained = matinee("train", "--algorithm", "nmf").printed.splitlines()[2:]
    evaluated = matinee("evaluate", "--algorithm", "nmf").printed.splitlines()[3 : 3 + len(MEASURES)]

    assert [line.split() for line in trained] == [line.split() for line in evaluated]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (
            ("--split", "yesterday"),
            2,
            "Invalid value for '--split': there is no split 'yesterday'. Choose one of: temporal, global-time, random.",
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
def test_what_cannot_be_evaluated_or_drawn_is_said_before_anything_is_read(
    matinee: Matinee, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    (tmp_path / "folder.png").mkdir()

    outcome = matinee("evaluate", *arguments)

    assert (outcome.exit_code, outcome.printed) == (exit_code, "")
    assert outcome.complained.splitlines()[-1] == f"Error: {sentence}"
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_the_probabilities_are_drawn(matinee: Matinee, tmp_path: Path) -> None:
    matinee("ingest", "demo")

    outcome = matinee("evaluate", "--algorithm", "popularity", "--algorithm", "nmf", "--plot", "plot.png")

    assert (outcome.exit_code, outcome.complained) == (0, "")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_an_evaluation_that_fails_leaves_the_last_picture_alone(matinee: Matinee, source: Path, tmp_path: Path) -> None:
    matinee("ingest", source)
    (tmp_path / "last.png").write_bytes(b"the last one")

    outcomes = [matinee("evaluate", "--plot", name) for name in ("last.png", "new.png")]

    assert [outcome.exit_code for outcome in outcomes] == [1, 1]
    assert (tmp_path / "last.png").read_bytes() == b"the last one"
    assert not (tmp_path / "new.png").exists()


def test_only_a_plot_needs_matplotlib() -> None:
    script = "import sys, server.app, server.cli; sys.exit('matplotlib' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], check=False)

    assert done.returncode == 0
