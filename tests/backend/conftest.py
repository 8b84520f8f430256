"""Databases without a schema, and SQLite alone."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.backend.config import Settings
from server.backend.database import Database
from tests.conftest import DATABASES
from tests.support import postgres


@pytest.fixture(params=DATABASES)
def bare_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Give settings for a database without any table; a test that uses them runs once on each kind."""
    if request.param == "sqlite":
        yield Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/bare.db")
        return
    with postgres.database(request.getfixturevalue("postgres_server"), f"bare_{uuid.uuid4().hex[:12]}") as url:
        yield Settings(_env_file=None, database_url=url.render_as_string(hide_password=False))


@pytest.fixture
def bare_database(bare_settings: Settings) -> Iterator[Database]:
    """Give the open database without any table."""
    database = Database(bare_settings)
    yield database
    database.dispose()


@pytest.fixture
def sqlite_settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """Give settings for an SQLite file with the schema, in which nobody waits long."""
    path = tmp_path / "matinee.db"
    shutil.copyfile(sqlite_template, path)
    return Settings(_env_file=None, database_url=f"sqlite:///{path}", database_timeout_s=0.05)


@pytest.fixture
def sqlite(sqlite_settings: Settings) -> Iterator[Database]:
    """Give that database, open."""
    database = Database(sqlite_settings)
    yield database
    database.dispose()
