"""The Postman collection passes on a fresh installation, and again on one with a model."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.installation import on_sqlite

COLLECTION = Path(__file__).parents[2] / "docs" / "reference" / "postman_collection.json"
NEWMAN = Path(__file__).parent / "tools" / "postman" / "node_modules" / ".bin" / "newman"


@pytest.mark.skipif(
    shutil.which("node") is None, reason="Node is not installed: install Node 20 or newer, then run make test"
)
def test_the_postman_collection_passes_before_and_after_a_training(tmp_path: Path) -> None:
    installation = on_sqlite(tmp_path)
    installation.run("ingest", "demo")
    with installation.serve() as server:
        command = [str(NEWMAN), "run", str(COLLECTION), "--env-var", f"baseUrl={server.address}", "--color", "off"]

        runs = [subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(2)]

    assert [run.returncode for run in runs] == [0, 0], runs[0].stdout + runs[1].stdout
