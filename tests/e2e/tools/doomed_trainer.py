"""A trainer that kills itself with SIGKILL at a named moment."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO, Literal

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore, OpenStoredFile
from server.services.training.trainer import Trainer

STAGES = ("reading", "splitting", "tuning", "fitting", "evaluating", "calibrating", "refitting", "comparing", "storing")
MOMENTS = (*STAGES, "file 1", "file 2", "before the rename", "before the entry")


def train_until(moment: str, run_id: int, settings: Settings) -> None:
    """Carry out a started run up to the moment."""

    def pass_by(reached: str, _progress: float = 0.0) -> None:
        if reached == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    class Store(ModelStore):
        @contextmanager
        def publish(self, label: str) -> Iterator[tuple[str, OpenStoredFile]]:
            with super().publish(label) as (name, open_file):
                opened: list[str] = []

                def open_and_count(file_name: str, mode: Literal["rb", "wb"]) -> AbstractContextManager[BinaryIO]:
                    opened.append(file_name)
                    pass_by(f"file {len(opened)}")
                    return open_file(file_name, mode)

                yield name, open_and_count
                pass_by("before the rename")

        def size_bytes(self, name: str) -> int:
            pass_by("before the entry")
            return super().size_bytes(name)

    Trainer(Database(settings), Store(settings.model_store), settings).carry_out(run_id, pass_by)
