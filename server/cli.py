"""The ``matinee`` command: calls services and etl, prints."""

import ipaddress
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from pwdlib import PasswordHash
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from server import cli_output as output
from server.backend import logging, schema
from server.backend.config import Settings
from server.backend.lifeline import when_input_closes
from server.backend.limits import ClientLimits
from server.backend.model_store import ModelStore
from server.backend.session import Database
from server.errors import MatineeError, SettingsError, SourceError, UnfitPassword
from server.etl.demo import write_demo
from server.etl.download import LICENCE_NOTICE, RELEASES, download
from server.etl.loader import load
from server.etl.movielens import open_source
from server.models import Role
from server.recommender.algorithms import ALGORITHMS, get_algorithm
from server.recommender.training import evaluate_algorithms
from server.schemas.base import MAX_ID, Paging
from server.services.credentials import CredentialsService
from server.services.operations import OperationsDataManager
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training import Trainer, TrainingDataManager

DOWNLOADS = Path("data/downloads")

UserArgument = Annotated[int, typer.Argument(min=1, max=MAX_ID, help="Id of the user.")]

app = typer.Typer(
    help="Matinee: a movie catalogue, ratings and personal recommendations behind one REST API.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="The ledger of model versions; without a command: list it.", invoke_without_command=True)
db_app = typer.Typer(help="The database's schema.", no_args_is_help=True)
user_app = typer.Typer(help="Who may log in, where MATINEE_AUTH is on.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(user_app, name="user")
app.add_typer(db_app, name="db")


def main() -> None:
    """Run the command line; what went wrong is one sentence on standard error and exit code 1."""
    try:
        app()
    except MatineeError as error:
        sys.exit(f"Error: {error}")
    except SQLAlchemyError as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        sys.exit(f"Error: the database {Settings.load().sqlalchemy_url!r} cannot be used: {reason}")
    except OSError as error:
        sys.exit(f"Error: {error}")


@app.command()
def ingest(
    source: Annotated[
        str,
        typer.Argument(
            help="A MovieLens folder or .zip, a release to download "
            f"({', '.join(RELEASES)}), or demo: a small built-in catalogue."
        ),
    ],
    rejects: Annotated[Path | None, typer.Option(help="Write every row that cannot be used to this file.")] = None,
) -> None:
    """Load movies and ratings, all or nothing.

    Can be run again: the same data changes nothing, newer data is merged, ratings given through the API stay.
    """
    with (
        _database() as database,
        _local_source(source) as path,
        open_source(path) as movielens,
        output.Rejects(rejects) as sink,
        output.byte_progress(movielens.bytes_total) as on_progress,
    ):
        report = load(movielens, database, name=source, on_progress=on_progress, on_reject=sink.add)
    output.print_load_report(report, sink)


@app.command()
def train(
    algorithm: Annotated[str | None, typer.Option(help="Instead of MATINEE_ALGORITHM.")] = None,
    if_needed: Annotated[
        bool,
        typer.Option("--if-needed", help="Only if ratings, or the algorithm, have changed since the last training."),
    ] = False,
    activate: Annotated[
        bool, typer.Option("--activate", help="Make it live even if it is worse than the live version.")
    ] = False,
    run: Annotated[int | None, typer.Option(hidden=True, help="Carry out a run that a server has begun.")] = None,
) -> None:
    """Train a model, and make it live unless it is worse than the live version.

    On all ratings, here and now; running servers follow within a second. Every model is kept as a version.
    """
    settings = Settings.load() if algorithm is None else Settings.load(algorithm=algorithm)
    with _database(settings) as database:
        trainer = Trainer(database, ModelStore(settings.model_store), settings)
        if run is not None:
            _carry_out_for_server(trainer, run)
            return
        if if_needed and not trainer.is_needed():
            output.say("The newest version was trained on these very ratings; nothing to do.")
            return
        # As Ctrl-C does: the run is marked as failed on the way out.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        with output.stage_progress() as on_progress:
            run_id = trainer.start_run()
            version = trainer.carry_out(run_id, on_progress, is_to_activate=activate)
        with database.transaction(writes=False) as session:
            engine = RecommendationEngineService(session)
            output.print_version(engine.get_version(version), engine.get_run(run_id))


@app.command()
def evaluate(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure each algorithm on held-out ratings.

    Every user's latest fifth is held out, and all movies he had not rated before are ranked.
    """
    settings = Settings.load()
    with _database(settings) as database, database.transaction(writes=False) as session:
        data = TrainingDataManager(session)
        ratings, movie_ids = data.read_ratings(), data.read_movie_ids()
    evaluations = evaluate_algorithms(ratings, movie_ids, algorithms=ALGORITHMS, seed=settings.seed)
    output.print_evaluations(evaluations, as_json=as_json)


@models_app.callback()
def models(context: typer.Context) -> None:
    """List the model versions, newest first."""
    if context.invoked_subcommand is None:
        with _database() as database, database.transaction(writes=False) as session:
            output.print_versions(RecommendationEngineService(session).list_versions(Paging(limit=100)))


@models_app.command()
def activate(
    version: Annotated[int, typer.Argument(help="Number of a version; matinee models lists them.")],
) -> None:
    """Make a version the live one; running servers follow within a second."""
    settings = Settings.load()
    with _database(settings) as database, database.transaction(writes=True) as session:
        RecommendationEngineService(session).activate(version, ModelStore(settings.model_store))
    output.say(f"Version {version} is live.")


@models_app.command()
def prune(
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest versions to keep, beside the live one.")],
) -> None:
    """Delete old versions and their artifacts. The live version always stays."""
    settings = Settings.load()
    store = ModelStore(settings.model_store)
    with _database(settings) as database:
        with database.transaction(writes=True) as session:
            forgotten = RecommendationEngineService(session).forget_old_versions(keep)
        # After the commit: a version in the ledger must never be without its artifact.
        with database.transaction(writes=False) as session:
            orphans = RecommendationEngineService(session).list_orphans(store)
    for name in orphans:
        store.remove(name)
    output.say(f"{forgotten} versions forgotten, {len(orphans)} artifacts deleted.")


@app.command()
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
    with _database(settings) as database, database.transaction(writes=False) as session:
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
    uvicorn.run(
        "server.app:app",
        host=host,
        port=port,
        workers=workers,
        log_level=settings.log_level,
        # The server's name and version are nobody's business.
        server_header=False,
        timeout_graceful_shutdown=10,
        # A worker must have imported the app before it can answer; by default a slow machine would kill it for ever.
        timeout_worker_healthcheck=60,
    )


@user_app.command("create")
def create_user(
    admin: Annotated[bool, typer.Option("--admin", help="With the role of an admin, who may do everything.")] = False,
) -> None:
    """Make a new user who can log in; the password is asked for, or read from standard input."""
    password, role = _read_password(), Role.ADMIN if admin else Role.USER
    with _credentials() as credentials:
        user_id = credentials.create_user(password, role)
    output.say(f"User {user_id} can log in; the role is {role}.")


@user_app.command("set-password")
def set_password(user: UserArgument) -> None:
    """Give a user a password, asked for or read from standard input; his tokens are void at once."""
    password = _read_password()
    with _credentials() as credentials:
        credentials.set_password(user, password)
    output.say(f"User {user} can log in with the new password only.")


@user_app.command()
def grant(user: UserArgument) -> None:
    """Give a user the role of an admin; it counts at once."""
    with _credentials() as credentials:
        credentials.set_role(user, Role.ADMIN)
    output.say(f"User {user} is an admin.")


@user_app.command()
def revoke(user: UserArgument) -> None:
    """Take the role of an admin from a user; it counts at once."""
    with _credentials() as credentials:
        credentials.set_role(user, Role.USER)
    output.say(f"User {user} is no admin.")


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Bring the database to this release's schema."""
    database = Database(Settings.load())
    schema.upgrade(database)
    output.say("The database has this release's schema.")


@contextmanager
def _database(settings: Settings | None = None) -> Iterator[Database]:
    settings = settings or Settings.load()
    logging.configure(settings.log_level)
    database = Database(settings)
    try:
        schema.prepare(database)
        yield database
    finally:
        database.dispose()


@contextmanager
def _credentials() -> Iterator[CredentialsService]:
    with _database() as database, database.transaction(writes=True) as session:
        yield CredentialsService(session, PasswordHash.recommended())


def _read_password() -> str:
    """Ask for a password, or read it where nobody can be asked; never from the arguments, which others may see."""
    if sys.stdin.isatty():
        asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise UnfitPassword("The password is not text in UTF-8.") from None


@contextmanager
def _local_source(source: str) -> Iterator[Path]:
    """Give the path of a source, which is written or downloaded first where it has to be."""
    if source == "demo":
        with tempfile.TemporaryDirectory() as folder:
            yield write_demo(Path(folder))
    elif source in RELEASES and not Path(source).exists():
        output.say(LICENCE_NOTICE)
        with output.download_progress() as on_progress:
            path = download(source, DOWNLOADS, on_progress)
        yield path
    elif Path(source).exists():
        yield Path(source)
    else:
        raise SourceError(
            f"There is no file or folder {source!r}, nor a release of that name. Name a folder or .zip of MovieLens "
            f"files, a release ({', '.join(RELEASES)}), or demo."
        )


def _carry_out_for_server(trainer: Trainer, run_id: int) -> None:
    def give_up() -> None:
        try:
            trainer.fail(run_id, "The server stopped during the training.", patience_s=0)
        finally:
            os._exit(1)

    when_input_closes(give_up)
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


if __name__ == "__main__":
    main()
