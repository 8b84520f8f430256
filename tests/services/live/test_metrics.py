import pytest

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.metrics import Metrics
from server.backend.model_store import ModelStore
from server.services.live.metrics import InstallationCollector
from server.services.live.model import LiveModel
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.trainer import Trainer
from tests.backend.test_metrics import read
from tests.support.builders import add_version, in_transaction


def test_an_installation_without_a_model_tells_just_that(database: Database, live_model: LiveModel) -> None:
    text = Metrics().render(InstallationCollector(database, live_model))

    assert read(text, "matinee_database_up") == {(): 1}
    assert read(text, "matinee_served_model_version") == {(): 0}
    assert read(text, "matinee_model_version") == {}
    assert set(read(text, "matinee_training_runs").values()) == {0}


@pytest.mark.usefixtures("tastes")
def test_the_live_version_its_age_and_the_runs_are_reported(
    database: Database, live_model: LiveModel, trainer: Trainer
) -> None:
    version = trainer.carry_out(trainer.start_run())
    live_model.refresh()
    in_transaction(database, lambda session: RecommendationEngineService(session).request_training())

    text = Metrics().render(InstallationCollector(database, live_model))

    assert read(text, "matinee_model_version") == read(text, "matinee_served_model_version") == {(): version}
    assert 0 <= read(text, "matinee_model_age_seconds")[()] < 60
    assert read(text, "matinee_training_runs") == {
        ("queued",): 1,
        ("running",): 0,
        ("succeeded",): 1,
        ("failed",): 0,
        ("cancelled",): 0,
    }


def test_an_unreadable_live_version_is_reported(database: Database, live_model: LiveModel) -> None:
    version = in_transaction(database, lambda session: add_version(session, "nowhere"))
    live_model.refresh()

    text = Metrics().render(InstallationCollector(database, live_model))

    assert read(text, "matinee_model_problem") == {(): 1}
    assert (read(text, "matinee_model_version"), read(text, "matinee_served_model_version")) == ({(): version}, {(): 0})


def test_a_database_that_is_away_leaves_the_rest(store: ModelStore) -> None:
    away = Database(Settings(_env_file=None, database_url="postgresql://matinee@127.0.0.1:9/away"))

    text = Metrics().render(InstallationCollector(away, LiveModel(away, store)))

    assert read(text, "matinee_database_up") == {(): 0}
    assert read(text, "matinee_model_problem") == {(): 0}
    assert read(text, "matinee_training_runs") == {}
