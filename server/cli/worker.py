"""``matinee worker``: carries out queued trainings, and serves nobody."""

import signal
import threading

from server.backend import logging
from server.backend.config import Settings
from server.backend.model_store import ModelStore
from server.cli.connection import open_database
from server.cli.options import command_app, examples
from server.cli.output import print_result
from server.services.diagnostics import check_settings
from server.services.live.watch import UPKEEP_INTERVAL_S, DatabaseWatch
from server.services.training.supervisor import TrainingSupervisor

app = command_app()


@app.command(epilog=examples("matinee worker", "MATINEE_TRAINING_THREADS=2 matinee worker"))
def worker() -> None:
    """Train the models that servers are asked for; serve nobody.

    Trainings run at normal priority. Start servers with MATINEE_TRAINING=worker, so that they queue trainings and leave
    them to workers. Several workers may run: one of them trains, and another takes over if it is gone.
    """
    settings = Settings.load()
    check_settings(settings)
    ModelStore(settings.model_store).check()
    logging.configure(settings.log_level, settings.log_format)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with open_database(settings) as database:
        supervisor = TrainingSupervisor(database, settings, lowers_priority=False)
        watch = DatabaseWatch(
            database,
            {supervisor.supervise: supervisor.is_behind},
            interval_s=settings.poll_interval_s,
            upkeep_s={supervisor.keep_alive: UPKEEP_INTERVAL_S},
        )
        watch.start()
        print_result("The worker waits for trainings (stop it with Ctrl-C).")
        stopped.wait()
        watch.stop()
        supervisor.stop()
