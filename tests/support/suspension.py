"""Suspending processes as a paused machine or a stuck disk does: they exist, hold their sockets and do nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def suspended(*process_ids: int) -> Iterator[None]:
    """Stop processes with SIGSTOP, and continue them when the block ends."""
    _signal(process_ids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(process_ids, signal.SIGCONT)


def with_children(process_id: int) -> list[int]:
    """Return a process id and those of its direct children (Linux only)."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text(encoding="ascii")
    return [process_id, *(int(child) for child in children.split())]


def _signal(process_ids: tuple[int, ...], signal_number: int) -> None:
    for process_id in process_ids:
        with suppress(ProcessLookupError):
            os.kill(process_id, signal_number)
