from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem


def test_a_live_process_says_so_without_a_database(client: TestClient, behind: Fakes) -> None:
    response = client.get("/livez")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert behind.session.events == []


def test_a_ready_process_reports_the_model_it_serves(client: TestClient) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "database": "sqlite",
        "movies": 9742,
        "model_version": 3,
        "model_problem": None,
    }


def test_a_process_whose_database_is_away_is_alive_but_not_ready(client: TestClient, behind: Fakes) -> None:
    behind.health.error = OperationalError("SELECT 1", {}, Exception("connection refused"))

    assert_problem(client.get("/readyz"), 503, "database-unavailable")
    assert client.get("/livez").status_code == 200
