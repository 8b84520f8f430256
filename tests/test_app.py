"""The app as a whole: importing it does nothing, and two of them live side by side."""

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from server.command_errors import SettingsError
from tests.support.tables import for_each

USER = "/api/rest/v1/user"


@pytest.fixture
def other_settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "other"
    return Settings(_env_file=None, database_url=f"sqlite:///{folder}/matinee.db", model_store=str(folder / "models"))


def test_importing_the_app_opens_nothing_and_warns_of_nothing(tmp_path: Path) -> None:
    imported = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import server.app"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (imported.returncode, imported.stdout, imported.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@for_each(
    ("name", "value"),
    [("ALGORITHM", "magic"), ("MODEL_STORE", "nowhere://models"), ("REDIS_URL", "nowhere://"), ("SEED", "x")],
)
def test_a_wrong_setting_stops_any_server(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MATINEE_{name}", value)

    with pytest.raises(SettingsError, match=f"^MATINEE_{name} "):
        create_app()


def test_two_apps_in_one_process_share_nothing(settings: Settings, other_settings: Settings) -> None:
    with TestClient(create_app(settings)) as one, TestClient(create_app(other_settings)) as other:
        created = [client.post(USER).json() for client in (one, one, other)]

        assert created == [{"user_id": 1}, {"user_id": 2}, {"user_id": 1}]
        assert other.get(f"{USER}/2/ratings").status_code == 404


def test_a_fresh_installation_is_ready_with_no_movies_and_no_model(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        response = client.get("/readyz")

    assert (response.status_code, response.json()) == (
        200,
        {
            "status": "ready",
            "database": settings.sqlalchemy_url.get_backend_name(),
            "movies": 0,
            "model_version": None,
            "model_problem": None,
        },
    )
