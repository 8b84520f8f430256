"""Behaviour of every command: settings, errors, colours, lazy imports."""

import os
import pty
import re
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.support.command_line import MATINEE, Matinee, Outcome
from tests.support.tables import for_each


@for_each(
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


def test_settings_are_read_from_a_file(matinee: Matinee, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MATINEE_SEED=-1\n")

    assert matinee("models").complained == "Error: MATINEE_SEED must be at least 0.\n"


def test_a_database_that_does_not_respond_is_named_without_its_password(matinee: Matinee) -> None:
    outcome = matinee("models", database_url="postgresql://me:secret@127.0.0.1:1/db")

    assert (outcome.exit_code, outcome.printed) == (1, "")
    assert outcome.complained.startswith(
        "Error: The database postgresql+psycopg://me:***@127.0.0.1:1/db cannot be used"
    )
    assert "secret" not in outcome.complained
    assert "Traceback" not in outcome.complained


@for_each("words", [("ingest", "demo"), ("train",), ("models",), ("serve",), ("db", "upgrade")])
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
        "Error: This release does not know the schema of the database. A newer release of Matinee or another program "
        "created it. Install the newer release, or set MATINEE_DATABASE_URL to another database.\n",
    )


@for_each(("variables", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_appear_only_on_terminals_that_want_them(
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


@for_each(
    ("words", "unused"),
    [
        (("--help",), ("sqlalchemy", "numpy", "uvicorn")),
        (("--version",), ("sqlalchemy", "numpy", "uvicorn")),
        (("serve", "--help"), ("polars", "matplotlib", "sklearn", "alembic")),
        (("evaluate", "--help"), ("matplotlib", "polars", "uvicorn")),
    ],
)
def test_a_command_imports_only_what_it_uses(words: tuple[str, ...], unused: tuple[str, ...]) -> None:
    script = (
        "import atexit, sys\nfrom server.cli import main\n"
        f"sys.argv = {['matinee', *words]}\n"
        f"atexit.register(lambda: print('imported', [name for name in {unused} if name in sys.modules]))\nmain()"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "imported []"


def test_an_unexpected_error_is_one_sentence(matinee: Matinee, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise TypeError("'>=' not supported between instances of 'str' and 'int'")

    monkeypatch.setattr("server.cli.app", fail)

    assert matinee("train") == Outcome(
        1, "", "Error: Unexpected TypeError. Set MATINEE_LOG_LEVEL=debug to see its traceback, and report it.\n"
    )


def read_all(terminal: int) -> bytes:
    """Return what was written to a terminal whose other end is closed."""
    shown = b""
    with suppress(OSError):  # Linux reports the closed end as an error
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    return shown
