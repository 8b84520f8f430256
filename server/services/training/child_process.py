"""The main function of the training process that a server or a worker starts."""

import os
import sys

from server.backend.processes import lower_priority, on_stdin_closed, report_progress
from server.errors import MatineeError
from server.services.training.heartbeat import Heartbeat
from server.services.training.trainer import Trainer


def carry_out_for_parent(trainer: Trainer, run_id: int, *, normal_priority: bool) -> None:
    """Carry out a run that the parent process has claimed, and exit when the parent exits."""

    def give_up() -> None:
        try:
            trainer.fail(run_id, "The server stopped during the training.", timeout_s=0)
        finally:
            os._exit(1)

    on_stdin_closed(give_up)
    if not normal_priority:
        lower_priority()
    try:
        # The parent records heartbeats, too. Only if both are silent is the run lost.
        with Heartbeat(trainer.database, run_id, trainer.settings.training_lease_s) as heartbeat:

            def note(stage: str, progress: float) -> None:
                heartbeat.note(stage, progress)
                report_progress(stage, progress)

            trainer.carry_out(run_id, note)
    except MatineeError:
        # The run has the reason, so the parent has nothing to add.
        sys.exit(0)
