"""The modules of the page, type-checked against the types of the OpenAPI document."""

import shutil
from pathlib import Path

import pytest

from server.web.frontend import FOLDER
from tests.e2e.test_frontend import DOCS, FRONTEND, TOOLS, run


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed: install it, then run make test")
def test_the_modules_fit_the_types_of_the_api(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "page")
    shutil.copy(FRONTEND / "page-vendor.d.ts", tmp_path / "page" / "vendor" / "preact-htm.d.ts")
    shutil.copy(FRONTEND / "page-tsconfig.json", tmp_path / "tsconfig.json")
    schema = tmp_path / "page" / "app" / "schema.d.ts"
    run(TOOLS / ".bin" / "openapi-typescript", DOCS / "reference" / "openapi.json", "-o", schema)

    run(TOOLS / ".bin" / "tsc", "--project", tmp_path)
