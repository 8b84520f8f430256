"""Model versions, the overview, and pruning."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from server.backend.model_store import ModelStore
from server.errors import ConflictError, ModelVersionNotFound, RunNotFound
from server.models import ModelVersion
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
from server.services.live.model import LiveModel
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.runs import TrainingRunService
from server.services.training.trainer import Trainer
from tests.support.builders import add_version
from tests.support.tables import for_each_in


@pytest.fixture
def engines(sessions: dict[str, Session], tmp_path: Path) -> dict[str, tuple[RecommendationEngineService, ModelStore]]:
    """The service on each kind of database, and an empty store."""
    return {
        kind: (RecommendationEngineService(session), ModelStore(str(tmp_path / kind)))
        for kind, session in sessions.items()
    }


@pytest.fixture
def trained_engines(
    engines: dict[str, tuple[RecommendationEngineService, ModelStore]],
) -> dict[str, tuple[RecommendationEngineService, ModelStore, list[int]]]:
    """The same, with four versions, of which the last is live."""
    return {
        kind: (engine, store, [add_version(engine.session, f"artifact-{number}") for number in range(4)])
        for kind, (engine, store) in engines.items()
    }


on_each_database = for_each_in("engines", "engine, store")
with_versions = for_each_in("trained_engines", "engine, store, versions")


def live_versions(engine: RecommendationEngineService) -> list[int]:
    return [version.version for version in engine.list_versions(Paging()).models if version.is_active]


@with_versions
def test_versions_come_newest_first_in_pages(engine: RecommendationEngineService, versions: list[int]) -> None:
    pages = [engine.list_versions(Paging(limit=3, page=page)) for page in (1, 2, 3)]

    assert [[version.version for version in page.models] for page in pages] == [versions[:0:-1], versions[:1], []]
    assert {page.total for page in pages} == {4}
    assert pages[1].models == [engine.get_version(versions[0])]


@with_versions
def test_the_newest_version_is_live(engine: RecommendationEngineService, versions: list[int]) -> None:
    assert live_versions(engine) == [versions[3]]


@with_versions
def test_a_version_without_an_artifact_cannot_go_live(
    engine: RecommendationEngineService, versions: list[int], store: ModelStore
) -> None:
    with pytest.raises(ConflictError, match=f"^Version {versions[1]} cannot go live"):
        engine.activate(versions[1], store)

    assert live_versions(engine) == [versions[3]]


@with_versions
def test_old_versions_are_deleted_but_never_the_live_one(
    engine: RecommendationEngineService, versions: list[int]
) -> None:
    engine.versions.activate(versions[0])

    deleted = [engine.delete_old_versions(keep=1), engine.delete_old_versions(keep=1)]

    assert deleted == [2, 0]
    assert [version.version for version in engine.list_versions(Paging()).models] == [versions[3], versions[0]]
    assert engine.delete_old_versions(keep=0) == 1
    assert live_versions(engine) == [versions[0]]


@with_versions
def test_the_predecessor_of_the_live_version_is_not_deleted(
    engine: RecommendationEngineService, versions: list[int]
) -> None:
    engine.delete_old_versions(keep=0)

    assert [version.version for version in engine.list_versions(Paging()).models] == [versions[3], versions[2]]


@with_versions
def test_a_version_has_its_run_and_its_verdict(engine: RecommendationEngineService, versions: list[int]) -> None:
    version = engine.get_version(versions[1])

    assert version.run_id is not None
    assert engine.get_run(version.run_id).version == versions[1]
    assert version.verdict == "It is not worse."


@pytest.mark.usefixtures("tastes")
def test_a_run_that_reads_succeeded_is_served_at_once(trainer: Trainer, live_model: LiveModel) -> None:
    run_id = trainer.start_run()
    version = trainer.carry_out(run_id)
    before = live_model.version

    with trainer.database.transaction(writes=False) as session:
        run = RecommendationEngineService(session, live_model).get_run(run_id)

    assert (run.status, run.version, before, live_model.version) == ("succeeded", version, None, version)


@with_versions
def test_a_run_stays_when_its_version_is_deleted(engine: RecommendationEngineService, versions: list[int]) -> None:
    run_ids = [1, 2, 3, 4]
    before = [engine.get_run(run_id).version for run_id in run_ids]

    engine.delete_old_versions(keep=2)

    assert before == versions
    assert [engine.get_run(run_id).version for run_id in run_ids] == [None, None, *versions[2:]]


@with_versions
def test_the_number_of_a_deleted_version_is_not_reused(
    engine: RecommendationEngineService, versions: list[int]
) -> None:
    engine.versions.activate(versions[0])
    engine.delete_old_versions(keep=0)

    assert add_version(engine.session, "next") == versions[-1] + 1


@on_each_database
def test_artifacts_without_a_version_are_orphans_unless_a_training_runs(
    engine: RecommendationEngineService, store: ModelStore
) -> None:
    for name in ("known", "deleted", ".partial-killed"):
        store.file_system.makedirs(f"{store.root}/{name}")
    add_version(engine.session, "known")
    orphans = engine.list_orphans(store)

    TrainingRunService(engine.session).start()

    assert orphans == [".partial-killed", "deleted"]
    assert engine.list_orphans(store) == []


@with_versions
def test_the_live_artifact_can_be_found(engine: RecommendationEngineService, versions: list[int]) -> None:
    engine.versions.activate(versions[2])

    active = engine.versions.find_active()

    assert active is not None
    assert (active.version, active.artifact) == (versions[2], "artifact-2")


@on_each_database
def test_before_the_first_training_the_overview_is_empty(engine: RecommendationEngineService) -> None:
    assert engine.get_overview() == schemas.RecommendationEngine(
        active_model=None, activated_at=None, age_s=None, current_run=None
    )


@on_each_database
def test_the_overview_has_the_live_version_and_its_age(engine: RecommendationEngineService) -> None:
    version = add_version(engine.session, "old")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    engine.session.execute(update(ModelVersion).values(created_at=an_hour_ago))

    overview = engine.get_overview()

    assert overview.active_model == engine.get_version(version)
    assert overview.age_s is not None
    assert 3600 <= overview.age_s < 3660
    assert overview.activated_at is not None
    assert overview.activated_at > an_hour_ago
    assert overview.current_run is None


@on_each_database
def test_the_overview_prefers_the_running_run_to_the_queued_one(engine: RecommendationEngineService) -> None:
    queued = engine.request_training()
    only_queued = engine.get_overview().current_run
    running = TrainingRunService(engine.session).start()

    assert only_queued == engine.get_run(queued)
    assert engine.get_overview().current_run == engine.get_run(running)


@on_each_database
def test_unknown_ids_are_not_found(engine: RecommendationEngineService, store: ModelStore) -> None:
    with pytest.raises(RunNotFound, match="7"):
        engine.get_run(7)
    with pytest.raises(ModelVersionNotFound, match="7"):
        engine.get_version(7)
    with pytest.raises(ModelVersionNotFound, match="7"):
        engine.activate(7, store)
