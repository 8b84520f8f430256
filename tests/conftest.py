"""Fixtures of several folders: settings, and a database of each kind, created by the migrations."""

import logging
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hypothesis
import pytest
from hypothesis import is_hypothesis_test
from sqlalchemy import URL

from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database
from tests.support import postgres
from tests.support.database_pool import DatabasePool

# A slow example on a busy machine is not a failure.
hypothesis.settings.register_profile("matinee", deadline=None)
hypothesis.settings.load_profile("matinee")

DATABASES = ("sqlite", "postgresql")
LONGEST = ("tests/e2e/test_spark.py", "tests/e2e/test_fuzz.py", "tests/e2e/page/test_accessibility.py")
ARTIFACT_DAMAGES = 30
INDEX_DAMAGES = 200
FUZZ_CALLS = 20
UNMEASURED = ("tests/benchmarks/", "tests/e2e/", "tests/scripts/")
"""Folders whose tests start processes, or run other code than the server's, or code that others cover."""
WITH_STATEMENTS_OF_POSTGRESQL = ("tests/backend/", "tests/etl/")
"""Folders whose tests reach other lines on PostgreSQL than on SQLite; all else is the same code on both."""
MakeSettings = Callable[..., Settings]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make fuzz`. The default keeps the usual test run short."""
    parser.addoption(
        "--fuzz-calls",
        type=int,
        default=FUZZ_CALLS,
        help="generated requests, besides those at the limits of each schema",
    )
    parser.addoption(
        "--artifact-damages",
        type=int,
        default=ARTIFACT_DAMAGES,
        help="random damages, and as many forgeries, of the artifact of each algorithm",
    )
    parser.addoption(
        "--index-damages",
        type=int,
        default=INDEX_DAMAGES,
        help="random damages of a stored search index",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first, after they were shuffled: at the end, the other worker would wait for them."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
    for item in items:
        if _is_repetition(item):
            item.add_marker("no_cover")


def _is_repetition(item: pytest.Item) -> bool:
    """Return whether a test runs lines that other tests cover: while they are traced, Python is three times slower."""
    is_repeated = is_hypothesis_test(getattr(item, "function", None))
    is_on_both = item.name.endswith("[postgresql]") and not item.nodeid.startswith(WITH_STATEMENTS_OF_POSTGRESQL)
    return is_repeated or is_on_both or item.nodeid.startswith(UNMEASURED)


@pytest.fixture(scope="session")
def artifact_damages(request: pytest.FixtureRequest) -> int:
    """The number of random damages of an artifact."""
    return int(request.config.getoption("--artifact-damages"))


@pytest.fixture(scope="session")
def index_damages(request: pytest.FixtureRequest) -> int:
    """Return the number of damages to try."""
    return int(request.config.getoption("--index-damages"))


@pytest.fixture(scope="session")
def fuzz_calls(request: pytest.FixtureRequest) -> int:
    """Return the number of requests to generate."""
    return int(request.config.getoption("--fuzz-calls"))


@pytest.fixture(autouse=True)
def package_logger() -> Iterator[None]:
    """Restore the logger of the package after each test, because apps and commands configure it for their process."""
    logger = logging.getLogger("server")
    level, handlers, propagate = logger.level, logger.handlers[:], logger.propagate
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers
    logger.propagate = propagate


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create an SQLite file with the schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Run a PostgreSQL server."""
    with postgres.running_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: URL) -> Iterator[DatabasePool]:
    """PostgreSQL databases with the schema, which tests use one after the other."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    with postgres.database(postgres_server, name) as url:
        _migrate(url.render_as_string(hide_password=False))
        with DatabasePool(postgres_server, name) as pool:
            yield pool


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Create an empty database with the schema; a test that uses it runs once on each kind."""
    with database_copy(request, tmp_path) as url:
        yield url


@contextmanager
def database_copy(request: pytest.FixtureRequest, folder: Path, kind: str | None = None) -> Iterator[str]:
    """Yield the URL of an empty database with the schema; its kind is by default the parameter of the request."""
    if (kind or request.param) == "sqlite":
        path = folder / "matinee.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    with request.getfixturevalue("postgres_databases").database() as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Database]]:
    """Open an empty database of each kind, for tests that run on both as one item."""
    with ExitStack() as stack:
        urls = {kind: stack.enter_context(database_copy(request, tmp_path, kind)) for kind in DATABASES}
        opened = {kind: Database(Settings(_env_file=None, database_url=url)) for kind, url in urls.items()}
        yield opened
        for database in opened.values():
            database.dispose()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Return settings with that database and a model store of the test's own."""
    return Settings(_env_file=None, database_url=database_url, model_store=str(tmp_path / "models"))


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """Open the database."""
    database = Database(settings)
    yield database
    database.dispose()


def _migrate(url: str) -> None:
    database = Database(Settings(_env_file=None, database_url=url))
    schema.upgrade(database)
    database.dispose()
