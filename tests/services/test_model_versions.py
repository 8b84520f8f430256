"""The ledger of the recommendation engine."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from server.backend.database import TransactionSession
from server.backend.model_store import ModelStore
from server.errors import ConflictError
from server.models import ModelVersion
from server.schemas import recommendation_engine as schemas
from server.schemas.base import Paging
from server.services.recommendation_engine import RecommendationEngineService
from tests.support.builders import add_version


@pytest.fixture
def engine(session: TransactionSession) -> RecommendationEngineService:
    return RecommendationEngineService(session)


@pytest.fixture
def versions(session: TransactionSession) -> list[int]:
    """Give four versions, the last of which is live."""
    return [add_version(session, f"artifact-{number}") for number in range(4)]


def live_versions(engine: RecommendationEngineService) -> list[int]:
    return [version.version for version in engine.list_versions(Paging()).models if version.is_active]


def test_versions_come_newest_first_in_pages(engine: RecommendationEngineService, versions: list[int]) -> None:
    pages = [engine.list_versions(Paging(limit=3, page=page)) for page in (1, 2, 3)]

    assert [[version.version for version in page.models] for page in pages] == [versions[:0:-1], versions[:1], []]
    assert {page.total for page in pages} == {4}
    assert pages[1].models == [engine.get_version(versions[0])]


def test_the_newest_version_is_live(engine: RecommendationEngineService, versions: list[int]) -> None:
    assert live_versions(engine) == [versions[3]]


def test_a_version_whose_artifact_is_not_in_the_store_cannot_go_live(
    engine: RecommendationEngineService, versions: list[int], store: ModelStore
) -> None:
    with pytest.raises(ConflictError, match=f"^Version {versions[1]} cannot go live"):
        engine.activate(versions[1], store)

    assert live_versions(engine) == [versions[3]]


def test_old_versions_are_forgotten_but_never_the_live_one(
    engine: RecommendationEngineService, versions: list[int]
) -> None:
    engine.versions.activate(versions[0])

    forgotten = [engine.forget_old_versions(keep=1), engine.forget_old_versions(keep=1)]

    assert forgotten == [2, 0]
    assert [version.version for version in engine.list_versions(Paging()).models] == [versions[3], versions[0]]
    assert engine.forget_old_versions(keep=0) == 1
    assert live_versions(engine) == [versions[0]]


def test_a_run_outlives_its_version(engine: RecommendationEngineService, versions: list[int]) -> None:
    run_ids = [1, 2, 3, 4]
    before = [engine.get_run(run_id).version for run_id in run_ids]

    engine.forget_old_versions(keep=2)

    assert before == versions
    assert [engine.get_run(run_id).version for run_id in run_ids] == [None, None, *versions[2:]]


def test_the_number_of_a_forgotten_version_is_not_given_again(
    engine: RecommendationEngineService, versions: list[int]
) -> None:
    engine.versions.activate(versions[0])
    engine.forget_old_versions(keep=0)

    assert add_version(engine.session, "next") == versions[-1] + 1


def test_artifacts_without_a_version_are_orphans_unless_a_training_runs(
    engine: RecommendationEngineService, store: ModelStore
) -> None:
    for name in ("known", "forgotten", ".partial-killed"):
        store.file_system.makedirs(f"{store.root}/{name}")
    add_version(engine.session, "known")
    orphans = engine.list_orphans(store)

    engine.start_run()

    assert orphans == [".partial-killed", "forgotten"]
    assert engine.list_orphans(store) == []


def test_the_live_artifact_can_be_found(engine: RecommendationEngineService, versions: list[int]) -> None:
    engine.versions.activate(versions[2])

    active = engine.versions.find_active()

    assert active is not None
    assert (active.version, active.artifact) == (versions[2], "artifact-2")


def test_before_the_first_training_the_overview_is_empty(engine: RecommendationEngineService) -> None:
    assert engine.get_overview() == schemas.RecommendationEngine(
        active_model=None, activated_at=None, age_s=None, current_run=None
    )


def test_the_overview_tells_the_live_version_and_its_age(engine: RecommendationEngineService) -> None:
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


def test_the_overview_tells_the_run_under_way_before_the_one_that_waits(engine: RecommendationEngineService) -> None:
    waiting = engine.request_training()
    only_waiting = engine.get_overview().current_run
    running = engine.start_run()

    assert only_waiting == engine.get_run(waiting)
    assert engine.get_overview().current_run == engine.get_run(running)
