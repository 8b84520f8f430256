import shutil
from functools import partial
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

import server.migrations
from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.migrate import SchemaState
from server.command_errors import SettingsError
from tests.support import postgres
from tests.support.threads import at_once

LATER_REVISION = '''"""What a later release adds."""

import sqlalchemy as sa
from alembic import op

revision = "later"
down_revision = "{head}"

TABLES = ("later", "much_later")


def upgrade() -> None:
    for name in TABLES:
        op.create_table(name, sa.Column("id", sa.Integer(), primary_key=True))


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)
'''


@pytest.fixture
def older_database(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Let this be a release with one migration more, and give a database of the release before."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(server.migrations.__file__).parent, folder)
    folder.joinpath("versions", "later.py").write_text(
        LATER_REVISION.format(head=ScriptDirectory(str(folder)).get_current_head()), encoding="utf-8"
    )
    monkeypatch.setattr(schema, "SCRIPT_LOCATION", str(folder))
    return database


def list_tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def execute(database: Database, statement: str) -> None:
    with database.transaction(writes=True) as session:
        session.execute(text(statement))


def test_models_and_migrations_say_the_same(database: Database) -> None:
    schema.check(database)


def test_migrations_go_down_to_nothing_and_up_again(database: Database) -> None:
    tables = list_tables(database.engine)

    schema.downgrade(database, "base")
    tables_at_the_base = list_tables(database.engine)
    state_at_the_base = schema.find_state(database)
    schema.prepare(database)

    assert (tables_at_the_base, state_at_the_base) == (set(), SchemaState.EMPTY)
    assert list_tables(database.engine) == tables
    assert schema.find_state(database) is SchemaState.CURRENT
    schema.check(database)


def test_an_empty_database_is_prepared(bare_database: Database) -> None:
    state_before = schema.find_state(bare_database)

    schema.prepare(bare_database)

    assert (state_before, schema.find_state(bare_database)) == (SchemaState.EMPTY, SchemaState.CURRENT)
    schema.check(bare_database)


def test_a_current_database_is_left_alone(database: Database) -> None:
    execute(database, "INSERT INTO users (user_id) VALUES (7)")

    schema.prepare(database)
    schema.upgrade(database)

    with database.transaction(writes=False) as session:
        assert session.scalar(text("SELECT max(user_id) FROM users")) == 7


def test_a_database_of_an_older_release_is_upgraded_only_on_demand(older_database: Database) -> None:
    with pytest.raises(SettingsError, match="matinee db upgrade"):
        schema.prepare(older_database)
    tables_before = list_tables(older_database.engine)

    schema.upgrade(older_database)

    assert list_tables(older_database.engine) - tables_before == {"later", "much_later"}
    assert schema.find_state(older_database) is SchemaState.CURRENT


def test_a_migration_that_fails_leaves_the_database_as_it_was(older_database: Database) -> None:
    execute(older_database, "CREATE TABLE much_later (id integer)")
    tables_before = list_tables(older_database.engine)

    with pytest.raises(DBAPIError, match=r"much_later.* already exists"):
        schema.upgrade(older_database)

    assert list_tables(older_database.engine) == tables_before
    assert schema.find_state(older_database) is SchemaState.BEHIND


def test_a_database_of_a_newer_release_is_refused(database: Database) -> None:
    execute(database, "UPDATE alembic_version SET version_num = 'newer'")

    with pytest.raises(SettingsError, match="A newer release of Matinee"):
        schema.prepare(database)
    with pytest.raises(SettingsError, match="A newer release of Matinee"):
        schema.upgrade(database)


def test_a_database_that_cannot_store_all_titles_is_refused(postgres_server: URL) -> None:
    latin = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    with postgres.database(postgres_server, "latin", template="template0", options=latin) as url:
        database = Database(Settings(_env_file=None, database_url=url.render_as_string(hide_password=False)))

        for act in (schema.prepare, schema.upgrade):
            with pytest.raises(SettingsError, match=r"encoding LATIN1\. Create it with ENCODING 'UTF8'\.$"):
                act(database)

        assert list_tables(database.engine) == set()
        database.dispose()


def test_a_database_of_another_program_is_refused(bare_database: Database) -> None:
    execute(bare_database, "CREATE TABLE invoices (id integer)")

    with pytest.raises(SettingsError, match="another program"):
        schema.prepare(bare_database)

    assert list_tables(bare_database.engine) == {"invoices"}


def test_several_that_prepare_a_database_at_once_wait_for_each_other(bare_settings: Settings) -> None:
    databases = [Database(bare_settings) for _ in range(4)]

    at_once([partial(schema.prepare, database) for database in databases])

    states = [schema.find_state(database) for database in databases]
    for database in databases:
        database.dispose()
    assert states == [SchemaState.CURRENT] * 4
