"""The page of docs/frontend.md in a DOM, and a TypeScript client with types generated from the OpenAPI document."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.installation import Server

DOCS = Path(__file__).parents[2] / "docs"
FRONTEND = Path(__file__).parent / "tools" / "frontend"
TOOLS = FRONTEND / "node_modules"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="Node is not installed: install Node 20 or newer, then run make test"
)


def run(*command: str | Path) -> str:
    """Run a command that must succeed, and return its standard output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the TypeScript against types of the current OpenAPI document, and return the output folder."""
    folder = tmp_path_factory.mktemp("typescript")
    for name in ("first_calls.ts", "mistakes.ts", "tsconfig.json", "package.json"):
        shutil.copy(FRONTEND / name, folder)
    (folder / "node_modules").symlink_to(TOOLS)
    run(TOOLS / ".bin" / "openapi-typescript", DOCS / "reference" / "openapi.json", "-o", folder / "schema.d.ts")
    run(TOOLS / ".bin" / "tsc", "--project", folder)
    return folder / "build"


def read_page(server: Server) -> str:
    """Return the page of the docs, changed to call this server."""
    page = re.search(r"```html\n(.*?)```", (DOCS / "frontend.md").read_text(encoding="utf-8"), re.DOTALL)
    assert page is not None
    return page[1].replace("http://127.0.0.1:8000", server.address)


def use_page(page: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """Search, rate and read recommendations on the page, and return the texts it showed."""
    file = folder / "index.html"
    file.write_text(page, encoding="utf-8")
    shown: dict[str, Any] = json.loads(run("node", FRONTEND / "use_page.mjs", file, *arguments))
    return shown


def test_a_typed_client_searches_rates_and_reads_recommendations(shared_server: Server, compiled: Path) -> None:
    printed = json.loads(run("node", compiled / "first_calls.js", shared_server.address))

    assert printed == {
        "found": ["The Matrix", 1999, ["Action", "Sci-Fi", "Thriller"]],
        "rated": 5,
        "recommended": 3,
        "isRatedAmongThem": False,
        "refused": ["#/body/rating"],
        "unknown": "/errors/movie-not-found",
        "again": 304,
    }


def test_the_page_of_the_docs_searches_rates_and_recommends(shared_server: Server, tmp_path: Path) -> None:
    shown = use_page(read_page(shared_server), tmp_path)

    assert (shown["greeting"], shown["found"]) == ("", ["The Matrix (1999)"])
    assert shown["message"] == "The Matrix: 5 stars."
    for recommended in (shown["before"], shown["after"]):
        assert len(recommended) == 5
        assert all(re.fullmatch(r".+ \(\d{4}\), \d+ %", line) for line in recommended)
    assert shown["before"] != shown["after"]


def test_the_page_creates_a_new_user_when_the_remembered_one_is_unknown(shared_server: Server, tmp_path: Path) -> None:
    shown = use_page(read_page(shared_server), tmp_path, str(2**50))

    assert shown["greeting"] == f"User {2**50} does not exist. Create a user with POST /user."
    assert (shown["before"], shown["message"]) == ([], "The Matrix: 5 stars.")
    assert len(shown["after"]) == 5
