"""Every error is described, and the type of a problem leads to its description."""

import re
from collections import Counter
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from server.errors import MatineeError, list_errors
from server.routers.error_pages import describe
from tests.support.problem_details import assert_problem

DOCS = Path(__file__).parents[1] / "docs" / "reference" / "errors.md"


@pytest.fixture
def client() -> TestClient:
    """Give a client of an app whose lifespan does not run: descriptions need no database."""
    return TestClient(create_app(Settings(_env_file=None)))


def test_every_error_has_a_code_of_its_own() -> None:
    codes = Counter(error.code for error in list_errors())

    assert [code for code, uses in codes.items() if uses > 1] == []
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("error", list_errors(), ids=lambda error: error.code)
def test_the_type_of_a_problem_leads_to_its_description(client: TestClient, error: type[MatineeError]) -> None:
    response = client.get(f"/errors/{error.code}")

    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert response.text == describe(error)
    assert response.text in DOCS.read_text(encoding="utf-8")


def test_a_description_says_when_and_what_to_do(client: TestClient) -> None:
    assert client.get("/errors/movie-not-found").text == (
        "## `movie-not-found`\n"
        "\n"
        "Movie not found. Status 404, type `/errors/movie-not-found`.\n"
        "\n"
        "- When: No movie has this id.\n"
        "- What to do: `GET /api/rest/v1/movies` lists and searches the movies there are.\n"
    )


def test_all_are_described_at_once(client: TestClient) -> None:
    assert client.get("/errors").text == DOCS.read_text(encoding="utf-8")


def test_an_unknown_error_is_one_itself(client: TestClient) -> None:
    assert_problem(client.get("/errors/bad-luck"), 404, "not-found")
