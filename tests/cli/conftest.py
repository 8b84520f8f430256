"""Fixtures of the command line, run in a folder of its own with the default settings."""

import io
import os
import sys
from pathlib import Path

import pytest

from server.cli import main
from tests.support.command_line import Matinee, Outcome, TypeIn
from tests.support.source_files import write_source

BAD_RATINGS = ["1,1,5.5,0", "1,99,4.0,0", "1,1"]


@pytest.fixture
def matinee(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Matinee:
    """Return a function that runs the command with arguments and, by keyword, settings."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("MATINEE_"):
            monkeypatch.delenv(name)

    def run(*arguments: str | Path, **settings: str) -> Outcome:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(f"MATINEE_{name.upper()}", value)
            patch.setattr(sys, "argv", ["matinee", *map(str, arguments)])
            with pytest.raises(SystemExit) as ended:
                main()
        output = capsys.readouterr()
        # Python prints a text that a program exits with.
        if isinstance(ended.value.code, str):
            return Outcome(1, output.out, f"{output.err}{ended.value.code}\n")
        return Outcome(int(ended.value.code or 0), output.out, output.err)

    return run


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> TypeIn:
    """Return a function that puts a line on standard input."""

    def put(line: str | bytes) -> None:
        text = line.encode() if isinstance(line, str) else line
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text + b"\nanother line\n")))

    return put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write a source of two movies and one rating, and three ratings that are rejected."""
    return write_source(
        tmp_path / "source",
        movies=["1,Toy Story (1995),Comedy", "2,Heat (1995),Crime"],
        ratings=["1,1,4.0,964982703", *BAD_RATINGS],
    )
