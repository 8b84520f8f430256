from fastapi.testclient import TestClient

from server.errors import ConflictError
from tests.support.mocked_app import Fakes
from tests.support.problem_details import assert_problem

ENGINE = "/api/rest/v1/recommendation-engine"
RUN = {
    "run_id": 4,
    "status": "queued",
    "stage": None,
    "progress": 0.0,
    "error": None,
    "version": None,
    "is_activated": None,
    "verdict": None,
    "created_at": "2024-10-30T14:30:00",
    "started_at": None,
    "finished_at": None,
}
VERSION = {
    "version": 3,
    "algorithm": "nmf",
    "parameters": {"factors": 20},
    "seed": 0,
    "data": {
        "ratings": 100_836,
        "users": 610,
        "movies": 9742,
        "newest_rating": "2024-10-30T14:30:00",
        "catalogue_version": 2,
        "modelled_movies": 2269,
        "modelled_ratings": 81_915,
    },
    "metrics": {"ndcg_at_10": 0.25},
    "calibration": [{"lower": 0.0, "upper": 0.1, "pairs": 3, "mean_predicted": 0.085, "observed": 0.5}],
    "activity": [{"ratings_from": 20, "users": 31, "ndcg_at_10": 0.2, "recall_at_20": 0.3, "hit_rate_at_10": 0.4}],
    "cold_start": [
        {
            "known_ratings": 1,
            "users": 9,
            "ndcg_at_10": 0.2,
            "popularity_ndcg_at_10": 0.1,
            "pairs": 90,
            "ece": 0.02,
            "ece_top_20": 0.03,
            "predicted_top_20": 0.8,
            "observed_top_20": 0.7,
        }
    ],
    "duration_s": 1.5,
    "size_bytes": 4096,
    "created_at": "2024-10-30T14:30:00",
    "run_id": 4,
    "verdict": "It is not worse.",
    "is_active": True,
}


def test_a_training_is_accepted_with_an_empty_body_and_a_run_to_follow(client: TestClient) -> None:
    response = client.post(ENGINE)

    assert (response.status_code, response.content) == (202, b"")
    assert response.headers["Location"] == "/api/rest/v1/recommendation-engine/runs/4"
    assert client.get(response.headers["Location"]).json() == RUN


def test_a_training_is_handed_over_after_the_answer(client: TestClient, behind: Fakes) -> None:
    client.post(ENGINE)

    assert behind.supervisor.calls == 1


def test_the_overview_tells_the_live_version_and_the_current_run(client: TestClient) -> None:
    response = client.get(ENGINE)

    assert response.status_code == 200
    assert response.json() == {
        "active_model": VERSION,
        "activated_at": "2024-10-30T14:30:00",
        "age_s": 60,
        "current_run": RUN,
    }


def test_training_runs_are_a_page(client: TestClient, behind: Fakes) -> None:
    response = client.get(f"{ENGINE}/runs?limit=5")

    assert response.status_code == 200
    assert response.json() == {"runs": [RUN], "total": 1, "page": 1, "limit": 5}
    assert [(paging.page, paging.limit) for paging in behind.engine.pagings] == [(1, 5)]


def test_a_training_run_can_be_cancelled(client: TestClient) -> None:
    response = client.delete(f"{ENGINE}/runs/4")

    assert (response.status_code, response.json()) == (200, RUN | {"status": "cancelled"})


def test_an_ended_training_run_cannot_be_cancelled(client: TestClient, behind: Fakes) -> None:
    behind.engine.error = ConflictError("Training run 4 has already ended: its status is failed.")

    response = client.delete(f"{ENGINE}/runs/4")

    assert assert_problem(response, 409, "conflict")["detail"].startswith(str(behind.engine.error))


def test_an_unknown_training_run_cannot_be_cancelled(client: TestClient) -> None:
    assert_problem(client.delete(f"{ENGINE}/runs/5"), 404, "run-not-found")


def test_model_versions_are_a_page(client: TestClient, behind: Fakes) -> None:
    response = client.get(f"{ENGINE}/models?limit=5")

    assert response.status_code == 200
    assert response.json() == {"models": [VERSION], "total": 1, "page": 1, "limit": 5}
    assert [(paging.page, paging.limit) for paging in behind.engine.pagings] == [(1, 5)]


def test_one_model_version_is_given_whole(client: TestClient) -> None:
    response = client.get(f"{ENGINE}/models/3")

    assert (response.status_code, response.json()) == (200, VERSION)


def test_a_version_can_be_made_the_live_one(client: TestClient, behind: Fakes) -> None:
    response = client.put(f"{ENGINE}/active-model", json={"version": 3})

    assert (response.status_code, response.json()) == (200, VERSION)
    assert behind.engine.activated == [3]
    assert behind.live_model.refreshes == 1


def test_an_unknown_version_cannot_be_made_the_live_one(client: TestClient, behind: Fakes) -> None:
    response = client.put(f"{ENGINE}/active-model", json={"version": 8})

    assert_problem(response, 404, "model-version-not-found")
    assert behind.engine.activated == []
    assert behind.live_model.refreshes == 0


def test_a_version_whose_artifact_is_damaged_cannot_be_made_the_live_one(client: TestClient, behind: Fakes) -> None:
    behind.engine.error = ConflictError("Version 3 cannot go live. Its manifest is missing.")

    body = assert_problem(client.put(f"{ENGINE}/active-model", json={"version": 3}), 409, "conflict")

    assert body["detail"] == (
        "Version 3 cannot go live. Its manifest is missing. Check the current state before you try again."
    )
    assert behind.live_model.refreshes == 0


def test_an_unknown_run_is_named(client: TestClient) -> None:
    body = assert_problem(client.get(f"{ENGINE}/runs/9"), 404, "run-not-found")

    assert body["detail"] == ("Training run 9 does not exist. Start a training with POST /recommendation-engine.")


def test_an_unknown_version_is_named(client: TestClient) -> None:
    body = assert_problem(client.get(f"{ENGINE}/models/8"), 404, "model-version-not-found")

    assert body["detail"] == (
        "Model version 8 does not exist. List the versions with GET /recommendation-engine/models."
    )
