"""How much of the machine a process asks for."""

import os
from contextlib import suppress
from pathlib import Path

LEAST = 19


def stand_back() -> None:
    """Let all other processes go first from now on: this one takes what time they leave."""
    if hasattr(os, "nice"):
        os.nice(LEAST)
    # Linux shares time out among sessions before it does among processes, and who began one of his own is the only one
    # in it.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(LEAST), encoding="ascii")
