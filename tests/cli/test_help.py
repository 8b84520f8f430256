"""The help of every command: complete, documented, with examples that work."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import typer

from server.cli import COMMANDS as SUMMARIES
from tests.support.command_line import COMMANDS, MATINEE, Matinee, Outcome, command_group, parse
from tests.support.tables import for_each

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


@for_each("words", COMMANDS)
def test_every_command_has_help(matinee: Matinee, words: tuple[str, ...]) -> None:
    outcome = matinee(*words, "--help")

    assert (outcome.exit_code, outcome.complained) == (0, "")
    assert outcome.printed.startswith(f"Usage: {' '.join(('matinee', *words))} ")
    assert outcome.printed.splitlines()[2].strip()


@for_each("words", COMMANDS)
def test_the_help_of_every_command_has_examples_that_can_be_run(matinee: Matinee, words: tuple[str, ...]) -> None:
    examples = re.findall(r"^    (?:.* )?matinee (.*?)(?: [|<].*)?$", matinee(*words, "--help").printed, re.MULTILINE)

    assert examples
    for example in examples:
        given = shlex.split(example)
        assert tuple(given[: len(words)]) == words
        parse(command_group(), given)


@for_each(("name", "summary"), SUMMARIES.items())
def test_the_list_of_commands_repeats_the_first_line_of_their_help(matinee: Matinee, name: str, summary: str) -> None:
    explanation = matinee(name, "--help").printed.partition("\n\n")[2]

    assert " ".join(explanation.split()).startswith(summary)


def test_every_command_is_documented() -> None:
    documented = re.findall(r"^## `matinee ?(.*)`$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)

    assert documented == [" ".join(words) for words in COMMANDS]


def test_a_wrong_example_would_be_noticed() -> None:
    with pytest.raises(typer.BadParameter):
        parse(command_group(), ["models", "prune", "--keep", "few"])


def test_the_exit_codes_are_those_of_the_help(matinee: Matinee) -> None:
    documented = matinee("--help").printed.partition("Exit codes:")[2]

    assert [line.split()[0] for line in documented.strip().splitlines()] == ["0", "1", "2", "130"]
    assert matinee("models").exit_code == 0
    assert matinee("ingest", "nowhere").exit_code == 1
    assert matinee("ingest").exit_code == 2


@for_each(
    ("typed", "offered"),
    [
        (("tra",), ["train"]),
        (("models", ""), ["activate", "prune"]),
        (("train", "--algorithm", "e"), ["ease"]),
        (("ingest", "ml-latest"), ["ml-latest-small", "ml-latest"]),
        (("train", "--if"), ["--if-needed"]),
    ],
)
def test_the_shell_completes(
    matinee: Matinee, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], offered: list[str]
) -> None:
    for name, value in request_of_bash(*typed).items():
        monkeypatch.setenv(name, value)

    outcome = matinee()

    assert (outcome.printed.splitlines(), outcome.complained) == (offered, "")
    assert list(Path.cwd().iterdir()) == []


def test_the_real_command_completes(tmp_path: Path) -> None:
    completed = subprocess.run(
        [MATINEE], env=os.environ | request_of_bash("tra"), cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (completed.stdout, completed.stderr) == ("train\n", "")


def request_of_bash(*typed: str) -> dict[str, str]:
    """Return the variables by which Bash asks to complete the last word."""
    return {
        "_MATINEE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("matinee", *typed)),
        "COMP_CWORD": str(len(typed)),
    }


def test_without_a_command_the_help_is_printed(matinee: Matinee) -> None:
    outcome = matinee()

    assert outcome == Outcome(2, "", matinee("--help").printed)
