from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from server.backend import migrate as schema
from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.models import MovieStatistics, Rating
from server.schemas.diagnostics import Finding, Health
from server.services.diagnostics import examine
from server.services.training.trainer import Trainer
from tests.support.tables import for_each

Examine = Callable[[], dict[str, Finding]]


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Examine:
    """Return a function that checks the installation of the settings and returns its findings by name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATINEE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("MATINEE_MODEL_STORE", settings.model_store)
    return lambda: {finding.name: finding for finding in examine(Settings.load())}


def failures(findings: dict[str, Finding]) -> list[str]:
    """Return the names of the failed checks."""
    return [name for name, finding in findings.items() if finding.health is Health.FAILED]


@pytest.mark.usefixtures("tastes")
def test_a_trained_installation_passes_every_check(examined: Examine, trainer: Trainer) -> None:
    trainer.carry_out(trainer.start_run())

    findings = examined()

    assert [finding.health for finding in findings.values() if not finding.name.startswith("space")] == [Health.OK] * 7
    assert failures(findings) == []
    assert findings["live model"].detail == "version 1 is intact"
    assert findings["database"].detail.startswith(("SQLite 3.", "PostgreSQL "))


def test_an_empty_installation_has_warnings_but_no_failure(examined: Examine) -> None:
    findings = examined()

    assert failures(findings) == []
    assert (findings["live model"].remedy, findings["model store"].remedy) == (
        "Run: matinee train",
        "The first training creates it.",
    )


@pytest.mark.usefixtures("tastes")
def test_failed_trainings_and_ratings_since_the_live_model_are_reported(
    examined: Examine, trainer: Trainer, database: Database
) -> None:
    trainer.carry_out(trainer.start_run())
    for _ in range(2):
        trainer.fail(trainer.start_run(), "The training ran out of memory.")
    with database.transaction(writes=True) as session:
        session.execute(delete(Rating).where(Rating.user_id == 1))

    finding = examined()["trainings"]

    assert finding.health is Health.WARNING
    assert finding.detail == (
        "The live model is 0.0 hours old; -15 ratings since. 2 failed since the last success. "
        "Run 3: The training ran out of memory."
    )


@pytest.mark.usefixtures("tastes")
def test_a_damaged_artifact_is_found(examined: Examine, trainer: Trainer, store: ModelStore) -> None:
    trainer.carry_out(trainer.start_run())
    largest = max(Path(store.root).rglob("*.npy"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b"x")

    findings = examined()

    assert failures(findings) == ["live model"]
    assert findings["live model"].detail.startswith("Version 1: ")


@pytest.mark.usefixtures("catalogue")
def test_wrong_statistics_are_found(examined: Examine, database: Database) -> None:
    with database.transaction(writes=True) as session:
        session.execute(update(MovieStatistics).where(MovieStatistics.movie_id < 3).values(rating_sum=1))

    findings = examined()

    assert failures(findings) == ["statistics"]
    assert findings["statistics"].detail == "The stored count or sum of ratings of 2 movies is wrong."


def test_an_older_schema_must_be_upgraded(examined: Examine, database: Database) -> None:
    schema.downgrade(database, "-1")

    findings = examined()

    assert failures(findings) == ["schema"]
    assert findings["schema"].remedy == "Back the database up, then run: matinee db upgrade"
    assert "statistics" not in findings


def test_an_unknown_schema_is_found(examined: Examine, database: Database) -> None:
    with database.transaction(writes=True) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999_from_the_future'"))

    assert failures(examined()) == ["schema"]


def test_a_read_only_model_store_is_found(examined: Examine, settings: Settings) -> None:
    Path(settings.model_store).parent.mkdir(exist_ok=True)
    Path(settings.model_store).symlink_to("/proc/self")

    assert failures(examined()) == ["space for models", "model store"]


def test_a_database_that_does_not_respond_is_reported_without_its_password(
    examined: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATINEE_DATABASE_URL", "postgresql://me:secret@127.0.0.1:9/away")

    findings = examined()

    assert failures(findings) == ["database"]
    assert "secret" not in str(findings)


def test_a_file_that_is_not_a_database_is_found(
    examined: Examine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("MATINEE_DATABASE_URL", f"sqlite:///{tmp_path}/broken.db")

    findings = examined()

    assert failures(findings) == ["database"]
    assert findings["database"].detail == "It cannot be used: file is not a database"


@for_each(
    ("name", "value"),
    [("ALGORITHM", "magic"), ("MODEL_STORE", "nowhere://models"), ("REDIS_URL", "redis://x:y")],
)
def test_a_wrong_setting_ends_the_checks(
    examined: Examine, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"MATINEE_{name}", value)

    findings = examined()

    assert (list(findings), failures(findings)) == (["settings"], ["settings"])


def test_the_checks_create_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATINEE_DATABASE_URL", "sqlite:///data/matinee.db")
    monkeypatch.setenv("MATINEE_MODEL_STORE", "data/models")

    healths = {finding.name: finding.health for finding in examine(Settings.load())}

    assert (healths["database"], healths["model store"]) == (Health.WARNING, Health.WARNING)
    assert list(tmp_path.iterdir()) == []
