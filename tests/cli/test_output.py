import io
import re

import pytest
from rich.console import Console

from server.cli import output


def test_progress_ends_at_all_of_it_with_the_elapsed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=120)
    monkeypatch.setattr(output, "_notices", terminal)

    with output.stage_progress() as on_progress:
        on_progress("fitting", 0.5)

    assert isinstance(terminal.file, io.StringIO)
    shown = terminal.file.getvalue()
    assert re.search(r"done .* 100% \d:\d\d:\d\d elapsed, 0:00:00 left", shown)


def test_a_pipe_gets_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(output, "_notices", Console(file=pipe))

    with output.stage_progress() as on_progress:
        on_progress("fitting", 0.5)

    assert pipe.getvalue() == ""
