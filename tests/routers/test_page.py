"""The built-in page, Swagger UI and their files."""

import re

from fastapi.testclient import TestClient
from pydantic import SecretStr

from server.app import create_app
from server.backend.config import Settings
from server.web import frontend
from tests.support.passwords import SECRET
from tests.support.tables import for_each

FILE = re.compile(r"(?:src|href)=\"(page/[^\"]+)\"")


@for_each("path", ["/", "/docs"])
def test_a_document_loads_its_files_from_this_server_only(client: TestClient, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "{{" not in response.text
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "http" not in policy
    assert "script-src 'self';" in policy
    files = FILE.findall(response.text)
    assert len(files) >= 3
    for file in files:
        assert client.get(f"/{file}").status_code == 200


def test_a_file_of_this_release_may_be_cached_forever(client: TestClient) -> None:
    kept = client.get(f"/page/{frontend.digest()}/app/main.js")
    of_another_release = client.get("/page/0123456789abcdef/app/main.js")

    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert kept.headers["Content-Type"].startswith("text/javascript")
    assert (of_another_release.status_code, of_another_release.headers["Cache-Control"]) == (200, "no-cache")


@for_each("path", ["app/missing.js", "../app.py", "%2e%2e/app.py", "app"])
def test_a_path_outside_of_the_page_is_not_found(client: TestClient, path: str) -> None:
    response = client.get(f"/page/{frontend.digest()}/{path}")

    assert response.status_code == 404
    assert response.json()["type"] == "/errors/not-found"


def test_browsers_find_an_icon(client: TestClient) -> None:
    assert client.get("/favicon.ico").headers["Content-Type"] == "image/svg+xml"


def test_the_page_can_be_turned_off() -> None:
    client = TestClient(create_app(Settings(_env_file=None, page=False)))

    assert client.get("/").status_code == 404
    assert client.get("/docs").status_code == 200


@for_each(("sign_up", "shown"), [(True, "on"), (False, "off")])
def test_the_page_knows_how_visitors_get_in(sign_up: bool, shown: str) -> None:  # noqa: FBT001 (a parameter of the test)
    settings = Settings(_env_file=None, auth=True, auth_secret=SecretStr(SECRET), sign_up=sign_up)
    client = TestClient(create_app(settings))

    assert f'data-auth="on" data-sign-up="{shown}"' in client.get("/").text
