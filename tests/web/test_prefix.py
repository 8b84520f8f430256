"""Behind a proxy that serves the app under a prefix, and strips it."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.app import create_app
from server.backend.config import Settings
from server.web.prefix import TrustedProxies
from tests.support.tables import for_each

MOVIES = "/api/rest/v1/movies?limit=1"
PROXY = ("127.0.0.1", 50_000)
STRANGER = ("198.51.100.7", 50_000)


@pytest.fixture
def prefixed(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"root_path": "/films"}))


def links(client: TestClient, **headers: str) -> str:
    return client.get(MOVIES, headers={name.replace("_", "-"): value for name, value in headers.items()}).headers[
        "Link"
    ]


def test_links_and_locations_begin_with_the_prefix_of_the_setting(prefixed: FastAPI) -> None:
    with TestClient(prefixed) as client:
        assert links(client).startswith("</films/api/rest/v1/movies?limit=1&page=1>")
        assert client.post("/api/rest/v1/user").headers["Location"] == "/films/api/rest/v1/user/1/ratings"
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/films"}, {"url": "/"}]
        assert client.get("/nowhere").json()["instance"] == "/films/nowhere"


def test_a_trusted_proxy_names_the_prefix(settings: Settings) -> None:
    with TestClient(create_app(settings), client=PROXY) as client:
        assert links(client, X_Forwarded_Prefix="/films/").startswith("</films/api/")
        assert links(client, X_Forwarded_Prefix="/api").startswith("</api/api/rest/")
        assert links(client).startswith("</api/rest/")
        document = client.get("/openapi.json", headers={"X-Forwarded-Prefix": "/films"}).json()
        assert document["servers"] == [{"url": "/films"}, {"url": "/"}]
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/"}]


def test_the_prefix_is_not_part_of_a_metric(prefixed: FastAPI) -> None:
    with TestClient(prefixed) as client:
        client.get("/api/rest/v1/movies/1")

        assert 'route="/api/rest/v1/movies/{movie_id}"' in client.get("/metrics").text


def test_a_prefix_that_is_not_a_path_is_ignored(settings: Settings) -> None:
    prefixes = ["//films.example", "films", "/films?x", "/a//b", "/<b>", ""]

    with TestClient(create_app(settings), client=PROXY) as client:
        found = [links(client, X_Forwarded_Prefix=prefix) for prefix in prefixes]

    assert [link.partition("v1/")[0] for link in found] == ["</api/rest/"] * len(prefixes)


def test_a_stranger_cannot_name_a_prefix(settings: Settings) -> None:
    with TestClient(create_app(settings), client=STRANGER) as client:
        assert links(client, X_Forwarded_Prefix="/films").startswith("</api/rest/")


@for_each(
    ("listed", "client", "is_trusted"),
    [
        ("127.0.0.1", PROXY, True),
        ("127.0.0.1", STRANGER, False),
        ("10.0.0.1, 198.51.100.0/24", STRANGER, True),
        ("10.0.0.0/8", ("testclient", 1), False),
        ("proxy", ("proxy", 1), True),
        ("*", STRANGER, True),
        # Uvicorn replaced the address of a trusted proxy by that of its client.
        ("10.0.0.1", ("198.51.100.7", 0), True),
        ("127.0.0.1", None, False),
    ],
)
def test_trusted_proxies_are_addresses_networks_or_all(
    listed: str, client: tuple[str, int] | None, *, is_trusted: bool
) -> None:
    assert (client in TrustedProxies(listed)) == is_trusted
