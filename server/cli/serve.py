"""``matinee serve``: checks the settings, runs Uvicorn, and says what to open once it listens."""

import ipaddress
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn

from server.backend import logging
from server.backend.config import Settings
from server.backend.metrics import SHARED_FOLDER
from server.backend.model_store import ModelStore
from server.cli.connection import open_database
from server.cli.listening import listen
from server.cli.options import command_app, examples
from server.cli.output import print_notice, print_result
from server.command_errors import SettingsError
from server.services.diagnostics import check_settings
from server.services.user import UserDataManager

app = command_app()


@app.command(
    epilog=examples(
        "matinee serve",
        "matinee serve --port 8080 --workers 2",
        "MATINEE_DATABASE_URL=postgresql://matinee@localhost/matinee matinee serve",
    )
)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of serving processes.")] = 1,
) -> None:
    """Serve the API. An empty database gets its tables first."""
    settings = Settings.load()
    check_settings(settings)
    ModelStore(settings.model_store).check()
    with open_database(settings) as database, database.transaction(writes=False) as session:
        first_user = UserDataManager(session).find_first()
    _check_port(host, port)
    if not settings.auth and not _is_loopback(host):
        print_notice(
            f"Warning: authentication is off and other machines can reach {host}, so anybody there can rate movies, "
            "delete ratings and train models. Set MATINEE_AUTH=on; docs/security.md explains how.\n"
        )
    # After an orderly end Uvicorn raises the signal again, for the handler that was there before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _shared_metrics(workers):
        config = uvicorn.Config(
            "server.app:app",
            http="server.web.http_protocol:LimitedProtocol",
            host=host,
            port=port,
            workers=workers,
            log_config=logging.configuration(settings.log_level, settings.log_format),
            # Clients need not know the name and version of the server.
            server_header=False,
            timeout_graceful_shutdown=10,
            # A worker answers only after it has imported the app; the default kills it on a slow machine, again and
            # again.
            timeout_worker_healthcheck=60,
        )
        listen(config, lambda bound_port: _print_welcome(_address(host, bound_port), settings, first_user))


@contextmanager
def _shared_metrics(workers: int) -> Iterator[None]:
    """Make several workers keep their metrics in one folder, so that each can answer for all."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="matinee-metrics-") as folder:
        os.environ[SHARED_FOLDER] = folder
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server does: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --host or --port."
            ) from None


def _address(host: str, port: int) -> str:
    """Return an address that a browser on this machine can open."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (all addresses: compared, not bound)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _print_welcome(address: str, settings: Settings, first_user: int | None) -> None:
    """Print which pages to open and which calls to make first."""
    api = f"{address}/api/rest/v1"
    print_result(f"Matinee serves at {address} (stop it with Ctrl-C).\n")
    if settings.page:
        print_result(f"  Page  {address}/")
    print_result(f"  API   {address}/docs")
    print_result(f"  Call  curl '{api}/movies?search=the+matrix'")
    if settings.auth:
        print_result(
            f"        curl -d 'grant_type=password&username=NAME' --data-urlencode password=PASSWORD {api}/token"
        )
        print_result("        Create a user who can sign in: matinee user create --help")
    if first_user is None:
        print_result("        The database is empty. Load data: matinee ingest demo")
    elif not settings.auth:
        print_result(f"        curl '{api}/user/{first_user}/recommended-movies?n=5'")
    if settings.root_path:
        print_result(f"  Proxy clients reach this server at {settings.root_path} of the proxy's own address.")
    print_result("")
