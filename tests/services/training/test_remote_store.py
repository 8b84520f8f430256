"""Trainings whose models are stored on S3."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore, OpenStoredFile
from server.errors import StoreError
from server.recommender.algorithms.popularity import Popularity
from server.schemas.base import Paging
from server.services.live.model import LiveModel
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.trainer import Trainer
from tests.support import s3


@pytest.fixture(scope="module")
def s3_server() -> Iterator[dict[str, str]]:
    """A running S3 server."""
    with s3.running_server() as variables:
        yield variables


@pytest.fixture
def store(s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModelStore:
    """An empty store in a bucket of its own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    return ModelStore(f"s3://bucket-{uuid.uuid4().hex}/models")


@pytest.fixture
def trainer(tastes: Database, store: ModelStore, settings: Settings) -> Trainer:
    return Trainer(tastes, store, settings.model_copy(update={"algorithm": "popularity"}), retry_pause_s=0)


class Outage(ModelStore):
    """A store that does not answer for the first times that something is published."""

    outages = 3

    @contextmanager
    def publish(self, label: str) -> Iterator[tuple[str, OpenStoredFile]]:
        """Fail at the end of an artifact while the outage lasts."""
        with super().publish(label) as (name, open_file):
            yield name, open_file
            if self.outages:
                self.outages -= 1
                raise StoreError("The model store does not answer: Connection refused.")


def test_a_model_on_s3_is_trained_served_and_mapped_into_memory(trainer: Trainer, store: ModelStore) -> None:
    version = trainer.carry_out(trainer.start_run())

    live_model = LiveModel(trainer.database, store)
    live_model.refresh()
    algorithm = live_model.get().algorithm
    assert live_model.version == version
    assert isinstance(algorithm, Popularity)
    assert isinstance(algorithm.popularity, np.memmap)
    assert store.size_bytes(store.list_names()[0]) > 0


def test_a_trained_model_survives_an_outage_of_the_store(trainer: Trainer, store: ModelStore) -> None:
    trainer.store = Outage(f"s3://{store.root}")

    version = trainer.carry_out(trainer.start_run())

    with trainer.database.transaction(writes=False) as session:
        versions = RecommendationEngineService(session).list_versions(Paging()).models
    assert [entry.version for entry in versions if entry.is_active] == [version]
    assert len(store.list_names()) == 1


def test_a_store_that_does_not_answer_fails_the_run_before_it_trains(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise StoreError("The model store does not answer: Connection refused.")

    monkeypatch.setattr(trainer.store, "check_writable", refuse)
    stages: list[str] = []
    run_id = trainer.start_run()

    with pytest.raises(StoreError):
        trainer.carry_out(run_id, lambda stage, _progress: stages.append(stage))

    with trainer.database.transaction(writes=False) as session:
        error = RecommendationEngineService(session).get_run(run_id).error
    assert (error, stages) == ("The model store does not answer: Connection refused.", [])
