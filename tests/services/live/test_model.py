import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from server.backend.database import Database
from server.backend.model_store import ModelStore, OpenFile
from server.errors import ArtifactError, NoActiveModel
from server.recommender.evaluation.comparison import Verdict
from server.services.live import model as live
from server.services.live.model import LiveModel
from server.services.recommendation_engine import ModelVersionDataManager, RecommendationEngineService
from server.services.training.trainer import Trainer
from tests.support.builders import add_version

Train = Callable[[], int]


@pytest.fixture
def train(tastes: Database, trainer: Trainer) -> Train:
    """Give what trains once more and makes the new version live."""
    assert trainer.database is tastes
    return lambda: trainer.carry_out(trainer.start_run())


def activate(live_model: LiveModel, version: int) -> None:
    with live_model.database.transaction(writes=True) as session:
        RecommendationEngineService(session).activate(version, live_model.store)


def add_unreadable_version(database: Database) -> int:
    with database.transaction(writes=True) as session:
        return add_version(session, "nowhere")


def test_before_the_first_training_there_is_no_model(live_model: LiveModel) -> None:
    live_model.refresh()

    with pytest.raises(NoActiveModel):
        live_model.get()
    assert (live_model.version, live_model.problem) == (None, None)


def test_a_new_version_is_swapped_in(live_model: LiveModel, train: Train) -> None:
    first = train()
    live_model.refresh()
    model_of_first = live_model.get()

    second = train()
    live_model.refresh()

    assert first != second == live_model.version
    assert live_model.get() is not model_of_first


def test_a_version_that_serves_is_not_read_again(live_model: LiveModel, train: Train, store: ModelStore) -> None:
    train()
    live_model.refresh()
    model = live_model.get()
    for name in store.list_names():
        store.remove(name)

    live_model.refresh()

    assert live_model.get() is model
    assert live_model.problem is None


def test_a_first_version_that_cannot_be_read_is_told(live_model: LiveModel, database: Database) -> None:
    version = add_unreadable_version(database)

    live_model.refresh()

    with pytest.raises(ArtifactError, match=rf"Model version {version} cannot be read\. .*manifest\.json"):
        live_model.get()
    assert live_model.version is None


def test_the_previous_model_serves_on_where_the_new_one_cannot_be_read(live_model: LiveModel, train: Train) -> None:
    readable = train()
    live_model.refresh()
    model = live_model.get()
    unreadable = add_unreadable_version(live_model.database)

    live_model.refresh()

    assert live_model.get() is model
    assert live_model.version == readable
    assert live_model.problem is not None
    assert live_model.problem.startswith(f"Model version {unreadable} cannot be read. ")


def test_going_back_to_the_version_that_serves_ends_the_problem(live_model: LiveModel, train: Train) -> None:
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


def test_a_new_process_serves_the_newest_predecessor_that_can_be_read(
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


def test_while_a_slow_store_gives_a_new_version_the_old_one_serves(live_model: LiveModel, train: Train) -> None:
    first = train()
    live_model.refresh()
    second = train()
    asked, answered = threading.Event(), threading.Event()
    opener = live_model.store.opener

    def open_slowly(name: str) -> OpenFile:
        asked.set()
        assert answered.wait(60)
        return opener(name)

    live_model.store.opener = open_slowly  # type: ignore[method-assign]  # a store that takes its time
    refresh = threading.Thread(target=live_model.refresh)
    refresh.start()
    asked.wait(60)
    while_it_waits = (live_model.version, live_model.get().card.algorithm)
    answered.set()
    refresh.join()

    assert while_it_waits == (first, "ease")
    assert live_model.version == second


@pytest.mark.parametrize(("retry_s", "served_version"), [(0, 1), (60, None)])
def test_an_unreadable_version_is_tried_again_after_a_while(
    live_model: LiveModel,
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    retry_s: float,
    served_version: int | None,
) -> None:
    monkeypatch.setattr(live, "RETRY_S", retry_s)
    train()
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    models.rename(elsewhere)
    live_model.refresh()
    elsewhere.rename(models)

    live_model.refresh()

    assert live_model.version == served_version
    assert (live_model.problem is None) == (served_version is not None)
