import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from server.backend.database import Database
from server.backend.model_store import ModelStore, OpenStoredFile
from server.errors import ArtifactError, NoActiveModel
from server.recommender.evaluation.comparison import Verdict
from server.services.live.model import LiveModel
from server.services.model_versions import ModelVersionDataManager
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.trainer import Trainer
from tests.support.builders import add_version

Train = Callable[[], int]


@pytest.fixture
def train(tastes: Database, trainer: Trainer) -> Train:
    """A function that trains again and activates the new version."""
    assert trainer.database is tastes
    return lambda: trainer.carry_out(trainer.start_run())


def activate(live_model: LiveModel, version: int) -> None:
    with live_model.database.transaction(writes=True) as session:
        RecommendationEngineService(session).activate(version, live_model.store)


def add_unreadable_version(database: Database) -> int:
    with database.transaction(writes=True) as session:
        return add_version(session, "nowhere")


def test_no_model_is_served_before_the_first_training(live_model: LiveModel) -> None:
    live_model.refresh()

    with pytest.raises(NoActiveModel):
        live_model.get()
    assert (live_model.version, live_model.problem) == (None, None)


def test_a_new_version_replaces_the_served_one(live_model: LiveModel, train: Train) -> None:
    first = train()
    live_model.refresh()
    model_of_first = live_model.get()

    second = train()
    live_model.refresh()

    assert first != second == live_model.version
    assert live_model.get() is not model_of_first


def test_a_served_version_is_not_read_again(live_model: LiveModel, train: Train, store: ModelStore) -> None:
    train()
    live_model.refresh()
    model = live_model.get()
    for name in store.list_names():
        store.remove(name)

    live_model.refresh()

    assert live_model.get() is model
    assert live_model.problem is None


def test_an_unreadable_first_version_is_reported(live_model: LiveModel, database: Database) -> None:
    version = add_unreadable_version(database)

    live_model.refresh()

    with pytest.raises(ArtifactError, match=rf"Model version {version} cannot be read\. .*manifest\.json"):
        live_model.get()
    assert live_model.version is None


def test_the_previous_model_is_served_if_the_new_one_is_unreadable(live_model: LiveModel, train: Train) -> None:
    readable = train()
    live_model.refresh()
    model = live_model.get()
    unreadable = add_unreadable_version(live_model.database)

    live_model.refresh()

    assert live_model.get() is model
    assert live_model.version == readable
    assert live_model.problem is not None
    assert live_model.problem.startswith(f"Model version {unreadable} cannot be read. ")


def test_activating_the_served_version_ends_the_problem(live_model: LiveModel, train: Train) -> None:
    readable = train()
    live_model.refresh()
    add_unreadable_version(live_model.database)
    live_model.refresh()

    activate(live_model, readable)
    live_model.refresh()

    assert (live_model.version, live_model.problem) == (readable, None)


def test_a_version_after_an_unreadable_one_is_served_without_delay(live_model: LiveModel, train: Train) -> None:
    add_unreadable_version(live_model.database)
    live_model.refresh()

    readable = train()
    live_model.refresh()

    assert (live_model.version, live_model.problem) == (readable, None)


def test_a_new_process_serves_the_newest_readable_predecessor(
    live_model: LiveModel, train: Train, store: ModelStore
) -> None:
    first, second, third = train(), train(), train()
    with live_model.database.transaction(writes=True) as session:
        never_live = add_version(session, "nowhere", Verdict(accepted=False, reason="It is worse."))
        store.remove(ModelVersionDataManager(session).get_artifact(second))
        (Path(store.root) / ModelVersionDataManager(session).get_artifact(third) / "manifest.json").write_text("{}")

    live_model.refresh()

    assert first < second < third < never_live
    assert live_model.version == first
    assert str(live_model.problem).startswith(f"Model version {third} cannot be read. ")


def test_the_old_version_is_served_while_a_slow_store_delivers_the_new_one(live_model: LiveModel, train: Train) -> None:
    first = train()
    live_model.refresh()
    second = train()
    asked, answered = threading.Event(), threading.Event()
    opener = live_model.store.opener

    def open_slowly(name: str) -> OpenStoredFile:
        asked.set()
        assert answered.wait(60)
        return opener(name)

    live_model.store.opener = open_slowly  # type: ignore[method-assign]  # simulates a slow store
    refresh = threading.Thread(target=live_model.refresh)
    refresh.start()
    asked.wait(60)
    meanwhile = (live_model.version, live_model.get().card.algorithm)
    answered.set()
    refresh.join()

    assert meanwhile == (first, "ease")
    assert live_model.version == second


@pytest.mark.parametrize(("retry_s", "served_version"), [(0, 1), (60, None)])
def test_an_unreadable_version_is_retried_after_a_while(
    database: Database,
    store: ModelStore,
    train: Train,
    tmp_path: Path,
    retry_s: float,
    served_version: int | None,
) -> None:
    live_model = LiveModel(database, store, retry_s=retry_s)
    train()
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    models.rename(elsewhere)
    live_model.refresh()
    elsewhere.rename(models)

    live_model.refresh()

    assert live_model.version == served_version
    assert (live_model.problem is None) == (served_version is not None)
