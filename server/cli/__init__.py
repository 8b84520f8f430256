"""The ``matinee`` command: calls services and etl, prints."""

import ipaddress
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import uvicorn
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from threadpoolctl import threadpool_limits

from server.backend import logging
from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.metrics import SHARED_FOLDER
from server.backend.model_store import ModelStore
from server.backend.processes import lower_priority, on_stdin_closed
from server.backend.rate_limits import ClientLimits
from server.cli import examples, output
from server.cli import upkeep as cli_upkeep
from server.cli import user as cli_user
from server.cli.database import open_database
from server.command_errors import SettingsError
from server.errors import MatineeError
from server.etl.download import RELEASES
from server.recommender.algorithms.registry import ALGORITHMS, get_algorithm
from server.recommender.data.splits import SPLITS
from server.recommender.training import evaluate_algorithms
from server.schemas.base import Paging
from server.services.health import OperationsDataManager
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.ratings_reader import RatingsReader
from server.services.training.trainer import Trainer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]

app = typer.Typer(
    help="Matinee: a movie catalogue, ratings and personal recommendations behind one REST API.",
    epilog=examples.MATINEE,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(
    help="The ledger of model versions; without a command: list it.",
    epilog=examples.MODELS,
    invoke_without_command=True,
)
db_app = typer.Typer(help="The database's schema.", epilog=examples.DB, no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(cli_user.app, name="user")
app.add_typer(db_app, name="db")
app.command(epilog=examples.DOCTOR)(cli_upkeep.doctor)
db_app.command(epilog=examples.BACKUP)(cli_upkeep.backup)


def main() -> None:
    """Run the command line; what went wrong is one sentence on standard error and exit code 1."""
    try:
        app()
    except MatineeError as error:
        sys.exit(f"Error: {error}")
    except SQLAlchemyError as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        url = Settings.load().sqlalchemy_url
        sys.exit(f"Error: the database {url!r} cannot be used: {reason}\nMend MATINEE_DATABASE_URL, or start it.")
    except OSError as error:
        sys.exit(f"Error: {error}")


@app.command(epilog=examples.INGEST)
def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="A MovieLens folder or .zip, a release to download "
            f"({', '.join(RELEASES)}), or demo: a small built-in catalogue.",
            autocompletion=lambda: ["demo", *RELEASES],
        ),
    ],
    rejects: Annotated[Path | None, typer.Option(help="Write every row that cannot be used to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Load movies and ratings, all or nothing.

    Can be run again: the same data changes nothing, newer data is merged, ratings given through the API stay.
    """
    from server.cli.ingest import ingest as load  # noqa: PLC0415 (Polars is slow to import, and serving does without)

    with open_database() as database:
        load(database, source, rejects, as_json=as_json)


@app.command(epilog=examples.TRAIN)
def train(
    algorithm: Annotated[
        str | None, typer.Option(help="Instead of MATINEE_ALGORITHM.", autocompletion=lambda: list(ALGORITHMS))
    ] = None,
    if_needed: Annotated[
        bool,
        typer.Option("--if-needed", help="Only if ratings, or the algorithm, have changed since the last training."),
    ] = False,
    activate: Annotated[
        bool, typer.Option("--activate", help="Make it live even if it is worse than the live version.")
    ] = False,
    as_json: AsJson = False,
    run: Annotated[int | None, typer.Option(hidden=True, help="Carry out a run that a server has begun.")] = None,
) -> None:
    """Train a model, and make it live unless it is worse than the live version.

    On all ratings, here and now; running servers follow within a second. Every model is kept as a version.
    """
    settings = Settings.load() if algorithm is None else Settings.load(algorithm=algorithm)
    with open_database(settings) as database:
        trainer = Trainer(database, ModelStore(settings.model_store), settings)
        if run is not None:
            _carry_out_for_server(trainer, run)
            return
        if if_needed and not trainer.is_needed():
            output.print_no_training(as_json=as_json)
            return
        # As Ctrl-C does: the run is marked as failed on the way out.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        with output.stage_progress() as on_progress:
            run_id = trainer.start_run()
            version = trainer.carry_out(run_id, on_progress, force_activation=activate)
        with database.transaction(writes=False) as session:
            engine = RecommendationEngineService(session)
            output.print_version(engine.get_version(version), engine.get_run(run_id), as_json=as_json)


def _check_split(name: str) -> str:
    if name not in SPLITS:
        raise typer.BadParameter(f"there is no split {name!r}. Choose one of: {', '.join(SPLITS)}.")
    return name


def _check_picture(path: Path | None) -> Path | None:
    """Find out now that a picture cannot be written, not when all has been computed; leave what is there alone."""
    if path is None:
        return None
    if path.suffix.lower() != ".png":
        raise typer.BadParameter(f"{path} does not end in .png.")
    try:
        is_new = not path.exists()
        path.open("ab").close()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be written: {error.strerror}.") from None
    if is_new:
        path.unlink()
    return path


@app.command(epilog=examples.EVALUATE)
def evaluate(
    split: Annotated[
        str,
        typer.Option(
            callback=_check_split,
            metavar=f"[{'|'.join(SPLITS)}]",
            help="What is held out: the latest fifth of each user's ratings, the newest tenth of all, "
            "or a random fifth of each user's.",
        ),
    ] = "temporal",
    algorithm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Measure only this one; may be given several times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            callback=_check_picture,
            metavar="FILE.png",
            help="Draw reliability diagrams into this file: probabilities predicted against likes observed.",
        ),
    ] = None,
) -> None:
    """Measure algorithms on the same held-out ratings.

    All movies that a user had not rated before are ranked; good is to rank high what he went on to like, with
    probabilities that come true. Each algorithm is tuned and calibrated without the ratings it is measured on.
    """
    names = list(dict.fromkeys(algorithm or ALGORITHMS))
    for name in names:
        get_algorithm(name)
    settings = Settings.load()
    with output.stage_progress() as on_progress:
        on_progress("reading", 0.0)
        with open_database(settings) as database, database.transaction(writes=False) as session:
            data = RatingsReader(session)
            ratings, movie_ids = data.read_ratings(), data.read_movie_ids()
        # With another number of threads sums are rounded otherwise: the measures would not be those of a training.
        with threadpool_limits(settings.training_threads):
            evaluations = evaluate_algorithms(
                ratings,
                movie_ids,
                algorithms=_announced(names, on_progress),
                seed=settings.seed,
                split=split,
                memory_mb=settings.model_memory_mb,
            )
    counts = output.DataCounts(ratings=len(ratings), users=np.unique(ratings.user_ids).size, movies=movie_ids.size)
    comparison = output.Comparison(split=split, seed=settings.seed, data=counts, evaluations=evaluations)
    if as_json:
        output.say(comparison.model_dump_json(indent=2))
    else:
        output.print_comparison(comparison)
    if plot is not None:
        from server.cli.plot import draw_reliability_diagrams  # noqa: PLC0415 (matplotlib is slow to import)

        draw_reliability_diagrams(evaluations, split=split).savefig(plot, format="png")


def _announced(names: Sequence[str], on_progress: Callable[[str, float], None]) -> Iterator[str]:
    """Give the names one by one, each announced when its turn comes."""
    for number, name in enumerate(names):
        on_progress(f"evaluating {name}", number / len(names))
        yield name


@models_app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the model versions, newest first."""
    if context.invoked_subcommand is None:
        with open_database() as database, database.transaction(writes=False) as session:
            page = RecommendationEngineService(session).list_versions(Paging(limit=100))
            output.print_versions(page, as_json=as_json)


@models_app.command(epilog=examples.ACTIVATE)
def activate(
    version: Annotated[int, typer.Argument(help="Number of a version; matinee models lists them.")],
) -> None:
    """Make a version the live one; running servers follow within a second."""
    settings = Settings.load()
    with open_database(settings) as database, database.transaction(writes=True) as session:
        RecommendationEngineService(session).activate(version, ModelStore(settings.model_store))
    output.say(f"Version {version} is live.")


@models_app.command(epilog=examples.PRUNE)
def prune(
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest versions to keep, beside the live one.")],
) -> None:
    """Delete old versions and their artifacts. The live version always stays."""
    settings = Settings.load()
    store = ModelStore(settings.model_store)
    with open_database(settings) as database:
        with database.transaction(writes=True) as session:
            forgotten = RecommendationEngineService(session).delete_old_versions(keep)
        # After the commit: a version in the ledger must never be without its artifact.
        with database.transaction(writes=False) as session:
            orphans = RecommendationEngineService(session).list_orphans(store)
    for name in orphans:
        store.remove(name)
    output.say(f"{forgotten} versions forgotten, {len(orphans)} artifacts deleted.")


@app.command(epilog=examples.SERVE)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Number of serving processes.")] = 1,
) -> None:
    """Serve the API; an empty database gets its tables first."""
    settings = Settings.load()
    get_algorithm(settings.algorithm)
    ModelStore(settings.model_store).check()
    ClientLimits(settings)
    with open_database(settings) as database, database.transaction(writes=False) as session:
        first_user = OperationsDataManager(session).find_first_user()
    _check_port(host, port)
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    output.print_welcome(address, first_user, has_authentication=settings.auth)
    if not settings.auth and not _is_loopback(host):
        output.warn(
            f"Authentication is off, and {host} can be reached from other machines: whoever reaches it may rate and "
            "delete ratings as anybody, and train. Set MATINEE_AUTH=on; docs/security.md tells how."
        )
    # After an orderly end Uvicorn raises the signal once more, for whoever stood here before it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _counted_together(workers):
        uvicorn.run(
            "server.app:app",
            host=host,
            port=port,
            workers=workers,
            log_config=logging.configuration(settings.log_level, settings.log_format),
            # The server's name and version are nobody's business.
            server_header=False,
            timeout_graceful_shutdown=10,
            # A worker must have imported the app before it can answer; by default a slow machine kills it for ever.
            timeout_worker_healthcheck=60,
        )


@db_app.command("upgrade", epilog=examples.UPGRADE)
def db_upgrade() -> None:
    """Bring the database to this release's schema."""
    database = Database(Settings.load())
    schema.upgrade(database)
    output.say("The database has this release's schema.")


@contextmanager
def _counted_together(workers: int) -> Iterator[None]:
    """Let several workers keep their metrics in one folder, so that each can answer for all."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="matinee-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        yield


def _carry_out_for_server(trainer: Trainer, run_id: int) -> None:
    def give_up() -> None:
        try:
            trainer.fail(run_id, "The server stopped during the training.", timeout_s=0)
        finally:
            os._exit(1)

    on_stdin_closed(give_up)
    lower_priority()
    try:
        trainer.carry_out(run_id)
    except MatineeError:
        # The run holds the reason; for the server it has ended in good order.
        sys.exit(0)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server will: a port that only waits for late packets is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port."
            ) from None
