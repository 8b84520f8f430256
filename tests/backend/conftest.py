"""Fixtures: databases without a schema, and SQLite databases."""

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
    """Settings of a database without tables. A test that uses them runs on each kind of database."""
    if request.param == "sqlite":
        yield Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/bare.db")
        return
    with postgres.database(request.getfixturevalue("postgres_server"), f"bare_{uuid.uuid4().hex[:12]}") as url:
        yield Settings(_env_file=None, database_url=url.render_as_string(hide_password=False))


@pytest.fixture
def bare_database(bare_settings: Settings) -> Iterator[Database]:
    """A database without tables."""
    database = Database(bare_settings)
    yield database
    database.dispose()


@pytest.fixture
def sqlite_settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """Settings of an SQLite file with the schema and a short lock timeout."""
    path = tmp_path / "matinee.db"
    shutil.copyfile(sqlite_template, path)
    return Settings(_env_file=None, database_url=f"sqlite:///{path}", database_timeout_s=0.05)


@pytest.fixture
def sqlite(sqlite_settings: Settings) -> Iterator[Database]:
    """An SQLite database with the schema and a short lock timeout."""
    database = Database(sqlite_settings)
    yield database
    database.dispose()
