"""Installations of the built-in demo. It is trained once a session on each database, and copied for each test."""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from tests.support import postgres
from tests.support.installation import Installation, Server, on_sqlite


@pytest.fixture(scope="session")
def trained_demo(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Create the demo on SQLite with model version 1, once for all workers. Tests copy it and never serve it."""
    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    demo = on_sqlite(run / "trained-demo")
    with (run / "trained-demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (run / "trained-demo.done").exists():
            demo.folder.mkdir(exist_ok=True)
            demo.run("ingest", "demo")
            demo.run("train", "--if-needed")
            (run / "trained-demo.done").touch()
    return demo


@pytest.fixture(scope="session")
def trained_demo_on_postgresql(
    postgres_server: URL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Create the demo on PostgreSQL with model version 1. Its database is a template; its models are copied."""
    with postgres.database(postgres_server, f"demo_{uuid.uuid4().hex[:8]}") as url:
        demo = Installation(tmp_path_factory.mktemp("demo"), url.render_as_string(hide_password=False))
        demo.run("ingest", "demo")
        demo.run("train")
        yield demo


@pytest.fixture
def installation_on_postgresql(
    trained_demo_on_postgresql: Installation, postgres_server: URL, tmp_path: Path
) -> Iterator[Installation]:
    """Yield a demo of the test's own, on PostgreSQL with model version 1."""
    template = str(make_url(trained_demo_on_postgresql.database_url).database)
    shutil.copytree(trained_demo_on_postgresql.models, tmp_path / "models")
    with postgres.database(postgres_server, f"copy_{uuid.uuid4().hex[:12]}", template=template) as url:
        yield Installation(tmp_path, url.render_as_string(hide_password=False))


@pytest.fixture(scope="session")
def shared_server(trained_demo: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server for all tests that only read, or only add rows that no other test reads."""
    with trained_demo.copy_to(tmp_path_factory.mktemp("shared")).serve() as server:
        yield server


@pytest.fixture
def installation(trained_demo: Installation, tmp_path: Path) -> Installation:
    """Return a demo of the test's own, on SQLite with model version 1."""
    return trained_demo.copy_to(tmp_path)


@pytest.fixture
def server(installation: Installation) -> Iterator[Server]:
    """Run a server of the test's own installation."""
    with installation.serve() as server:
        yield server
