"""Loads that end at a given stage: by an exception, or as a process that kills itself.

    python -m tests.support.killed_load DATABASE_URL FOLDER STAGE

A stage is one of `Progress`, or "commit": everything is written by then, but not committed.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.database import Database
from server.etl.load.loader import Progress
from tests.support.source_files import load_folder

STAGES = ("loading movies", "loading ratings", "building keys", "commit")


def load_until(stage: str, folder: Path, database: Database, end: Callable[[], None]) -> None:
    """Load a folder, and call `end` when the load reaches the stage."""

    def end_at_commit(_session: Session) -> None:
        if stage == "commit":
            end()

    def end_at_stage(progress: Progress) -> None:
        if progress.stage == stage:
            end()

    event.listen(Session, "before_commit", end_at_commit)
    try:
        load_folder(folder, database, on_progress=end_at_stage)
    finally:
        event.remove(Session, "before_commit", end_at_commit)


def main(url: str, folder: str, stage: str) -> None:
    database = Database(Settings(_env_file=None, database_url=url))
    load_until(stage, Path(folder), database, lambda: os.kill(os.getpid(), signal.SIGKILL))


if __name__ == "__main__":
    main(*sys.argv[1:])
