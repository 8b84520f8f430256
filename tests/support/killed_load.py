"""Load a folder in a process that sends itself a signal at a given stage.

    python -m tests.support.killed_load DATABASE_URL FOLDER STAGE SIGNAL

STAGE is a stage of `Progress`, or "commit": everything is written by then, but not committed.
"""

import os
import sys
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.database import Database
from server.etl.load.loader import Progress
from tests.support.source_files import load_folder


def main(url: str, folder: str, stage: str, signal_number: str) -> None:
    def end() -> None:
        os.kill(os.getpid(), int(signal_number))

    def end_at_stage(progress: Progress) -> None:
        if progress.stage == stage:
            end()

    if stage == "commit":
        event.listen(Session, "before_commit", lambda _session: end())
    load_folder(Path(folder), Database(Settings(_env_file=None, database_url=url)), on_progress=end_at_stage)


if __name__ == "__main__":
    main(*sys.argv[1:])
