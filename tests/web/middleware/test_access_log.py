"""One line in the log and one entry in the metrics a request."""

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from tests.backend.test_metrics import read

API = "/api/rest/v1"


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


def requests_in(log: str) -> list[dict[str, object]]:
    """Return the log lines of requests, without the fields that differ between runs."""
    lines = [json.loads(line) for line in log.splitlines()]
    return [
        {name: value for name, value in line.items() if name in {"method", "route", "path", "status", "request_id"}}
        for line in lines
        if line["logger"] == "server.access"
    ]


def test_a_request_is_one_line_with_its_route_and_its_id(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with TestClient(create_app(settings.model_copy(update={"log_format": "json"}))) as client:
        client.get(f"{API}/movies/17/similar?expand=movies", headers={"X-Request-ID": "mine"})
        client.request("BREW", "/pot%0A2026", headers={"X-Request-ID": "tea"})

    assert requests_in(capsys.readouterr().err) == [
        {
            "method": "GET",
            "route": f"{API}/movies/{{movie_id}}/similar",
            "path": f"{API}/movies/17/similar",
            "status": 404,
            "request_id": "mine",
        },
        {"method": "BREW", "route": "-", "path": "/pot%0A2026", "status": 404, "request_id": "tea"},
    ]


def test_the_metrics_have_few_labels_for_any_request(client: TestClient) -> None:
    client.get(f"{API}/movies/17")
    client.get(f"{API}/movies/18")
    client.get(f"{API}/movies")
    client.head(f"{API}/movies/19")
    client.put(f"{API}/movies/18")
    for word in ("a", "b"):
        client.request(word.upper(), f"/{word}")

    assert read(client.get("/metrics").content, "matinee_requests_total") == {
        ("GET", f"{API}/movies/{{movie_id}}", "404"): 2,
        ("GET", f"{API}/movies", "200"): 1,
        ("HEAD", f"{API}/movies/{{movie_id}}", "404"): 1,
        ("PUT", f"{API}/movies/{{movie_id}}", "405"): 1,
        ("-", "-", "404"): 2,
    }


def test_a_failure_that_nobody_expected_counts_as_one(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/broken")
    def break_down() -> None:
        raise RuntimeError("broken")

    with TestClient(app) as client:
        client.get("/broken")

        assert read(client.get("/metrics").content, "matinee_requests_total") == {("GET", "/broken", "500"): 1}
