"""A TypeScript client with types generated from the OpenAPI document."""

import json
import shutil
import subprocess
from pathlib import Path

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
