"""Every error has a page, and the type of a problem leads to it."""

import html
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urljoin

import pytest
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from server.errors import ApiError, list_errors
from server.web.error_pages import REMEDIES, describe
from server.web.frontend import PAGE_POLICY
from tests.support.problem_details import assert_problem
from tests.support.tables import for_each

DOCS = Path(__file__).parents[1] / "docs" / "reference" / "errors.md"


@pytest.fixture
def client() -> TestClient:
    """Return a client of an app whose lifespan does not run: the pages need no database."""
    return TestClient(create_app(Settings(_env_file=None)))


def test_every_error_has_its_own_code_and_a_remedy() -> None:
    codes = Counter(error.code for error in list_errors())

    assert [code for code, uses in codes.items() if uses > 1] == []
    assert codes.keys() == REMEDIES.keys()
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


@for_each("error", list_errors())
def test_the_type_of_a_problem_leads_to_its_page(client: TestClient, error: type[ApiError]) -> None:
    response = client.get(f"/errors/{error.code}")

    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert response.text == describe(error)
    assert response.text in DOCS.read_text(encoding="utf-8")


def test_a_page_says_when_the_error_occurs_and_what_to_do(client: TestClient) -> None:
    assert client.get("/errors/movie-not-found").text == (
        "## `movie-not-found`\n"
        "\n"
        "Movie not found. Status 404, type `/errors/movie-not-found`.\n"
        "\n"
        "- When: No movie has this id.\n"
        "- What to do: Search for it with `GET /movies`.\n"
    )


def test_one_page_describes_all_errors(client: TestClient) -> None:
    assert client.get("/errors").text == DOCS.read_text(encoding="utf-8")


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def test_a_browser_gets_pages_with_the_same_text(client: TestClient) -> None:
    pages = {f"/errors/{error.code}": [error] for error in list_errors()} | {"/errors": list_errors()}
    for path, errors in pages.items():
        response = client.get(path, headers={"Accept": BROWSER})

        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert response.headers["Content-Security-Policy"] == PAGE_POLICY
        assert response.headers["Vary"].split(", ") == ["Accept-Encoding", "Origin", "Accept"]
        assert not re.search(r"\{\{|`|https?:", response.text)
        shown = html.unescape(re.sub(r"<[^>]*>", "", response.text))
        for error in errors:
            assert error.title in shown
            assert (error.__doc__ or "").replace("`", "") in shown


@pytest.mark.parametrize("path", ["/errors", "/errors/too-busy"])
def test_the_links_of_a_page_lead_somewhere(client: TestClient, path: str) -> None:
    text = client.get(path, headers={"Accept": BROWSER}).text

    links = re.findall(r'(?:href|src)="([^"]+)"', text)

    assert len(links) >= 5
    assert {link: client.get(urljoin(path, link)).status_code for link in links} == dict.fromkeys(links, 200)


def test_html_is_for_those_who_ask_for_it(client: TestClient) -> None:
    cases = {
        "text/html": True,
        "TEXT/HTML;q=0.5, */*;q=0.1": True,
        "text/plain;q=0.4, text/html;level=1;q=0.5": True,
        "text/html;q=nonsense,;;=,": True,
        "*/*": False,
        "": False,
        "application/json": False,
        "text/markdown, text/html;q=0.9": False,
        "text/html;q=0": False,
    }

    got = {accept: client.get("/errors/too-busy", headers={"Accept": accept}) for accept in cases}

    kinds = {accept: response.headers["Content-Type"].partition(";")[0] for accept, response in got.items()}
    assert kinds == {accept: "text/html" if is_html else "text/plain" for accept, is_html in cases.items()}


def test_an_unknown_code_is_not_found(client: TestClient) -> None:
    assert_problem(client.get("/errors/bad-luck"), 404, "not-found")
