"""Fixtures: databases with movies and ratings, and the services on them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.services.live.catalogue import LiveCatalogue
from server.services.live.model import LiveModel
from server.services.movies import MovieService
from server.services.recommendations import RecommendationService
from server.services.training.trainer import Trainer
from tests.conftest import DATABASES, database_copy
from tests.support.builders import MOVIES, NEWER_MOVIES, RATINGS, genre_of, taste_rows
from tests.support.readers import movies_of, recommendations_of
from tests.support.source_files import load_folder, write_source


@pytest.fixture
def catalogue(database: Database, tmp_path: Path) -> Database:
    """A database with the twelve films and their ratings."""
    load_folder(write_source(tmp_path / "films", movies=MOVIES, ratings=RATINGS), database)
    return database


@pytest.fixture
def catalogues(databases: dict[str, Database], tmp_path: Path) -> dict[str, Database]:
    """A database of each kind with the twelve films and their ratings."""
    films = write_source(tmp_path / "films", movies=MOVIES, ratings=RATINGS)
    for database in databases.values():
        load_folder(films, database)
    return databases


@pytest.fixture
def sessions(databases: dict[str, Database]) -> Iterator[dict[str, Session]]:
    """A session on each kind of database, in a transaction that is committed at the end."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(database.transaction(writes=True)) for kind, database in databases.items()}


@contextmanager
def shared_database(request: pytest.FixtureRequest, folder: Path, kind: str) -> Iterator[Database]:
    """Yield a database of a kind that many tests share; its files are in the folder."""
    with database_copy(request, folder, kind) as url:
        database = Database(Settings(_env_file=None, database_url=url))
        yield database
        database.dispose()


@pytest.fixture(scope="module")
def movie_services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, MovieService]]:
    """The service of the twelve films on each kind of database, shared by tests that only read."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(movie_service(request, tmp_path_factory.mktemp("films"), kind))
            for kind in DATABASES
        }


@contextmanager
def movie_service(request: pytest.FixtureRequest, folder: Path, kind: str) -> Iterator[MovieService]:
    """Yield the service of the twelve films."""
    with shared_database(request, folder, kind) as database:
        load_folder(write_source(folder / "films", movies=MOVIES, ratings=RATINGS), database)
        live_catalogue = LiveCatalogue(database)
        live_catalogue.refresh()
        with database.transaction(writes=False) as session:
            yield movies_of(session, live_catalogue)


@pytest.fixture(scope="module")
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LiveModel]]:
    """A live model of a taste on each kind of database, with three newer movies, shared by many tests."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(
                learned_taste(request, tmp_path_factory.mktemp("tastes"), kind, Settings(_env_file=None))
            )
            for kind in DATABASES
        }


@pytest.fixture
def recommenders(trained: dict[str, LiveModel]) -> Iterator[dict[str, RecommendationService]]:
    """The service with a model on each kind of database, in a transaction that is rolled back at the end."""
    with ExitStack() as stack:
        sessions = {
            kind: stack.enter_context(live_model.database.open_session(writes=True))
            for kind, live_model in trained.items()
        }
        yield {kind: recommendations_of(session, trained[kind]) for kind, session in sessions.items()}


@contextmanager
def learned_taste(request: pytest.FixtureRequest, folder: Path, kind: str, settings: Settings) -> Iterator[LiveModel]:
    """Yield a live model trained on a taste, after three newer movies were added; the files are in the folder."""
    with shared_database(request, folder, kind) as database:
        movies, ratings = taste_rows()
        load_folder(write_source(folder / "tastes", movies=movies, ratings=ratings), database)
        store = ModelStore(str(folder / "models"))
        trainer = Trainer(database, store, settings)
        trainer.carry_out(trainer.start_run())
        newer = [f"{movie_id},Film {movie_id} (2020),{genre_of(movie_id)}" for movie_id in NEWER_MOVIES]
        load_folder(write_source(folder / "newer", movies=newer, ratings=["1,33,5.0,1500000000"]), database)
        live_model = LiveModel(database, store)
        live_model.refresh()
        yield live_model


@pytest.fixture
def tastes(database: Database, tmp_path: Path) -> Database:
    """A database with ratings from which a taste can be learned."""
    movies, ratings = taste_rows()
    load_folder(write_source(tmp_path / "tastes", movies=movies, ratings=ratings), database)
    return database


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A session in a transaction that is committed at the end."""
    with database.transaction(writes=True) as session:
        yield session


@pytest.fixture
def store(settings: Settings) -> ModelStore:
    """An empty model store."""
    return ModelStore(settings.model_store)


@pytest.fixture
def trainer(database: Database, store: ModelStore, settings: Settings) -> Trainer:
    """The trainer of the database and the store."""
    return Trainer(database, store, settings)


@pytest.fixture
def live_model(database: Database, store: ModelStore) -> LiveModel:
    """The live model of the database, before its first refresh."""
    return LiveModel(database, store)
