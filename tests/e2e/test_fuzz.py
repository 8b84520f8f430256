"""Every answer to a generated request is one that the OpenAPI document allows.

Schemathesis generates the requests: examples, values at and beyond the limits of each schema, random values, and chains
that use one answer in the next request. tools/schemathesis.toml names the rules beyond the schemas.
"""

import itertools
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DATABASES, FUZZ_CALLS, database_copy
from tests.support.installation import API, FAST_TRAINING, Installation, Server

SCHEMATHESIS = Path(sys.executable).with_name("st")
TOOLS = Path(__file__).parent / "tools"
CALLS_AN_EXAMPLE = 10
"""Schemathesis sends at least this many requests per example, besides those at the limits of the schemas."""

OPEN = {"write_limit": ""}
SIGNED = {
    "auth": "true",
    "auth_secret": secrets.token_hex(32),
    "auth_token_lifetime_s": "86400",
    "write_limit": "",
    "login_limit": "",
}
MODES = {"open": OPEN, "signed": SIGNED}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Combine each database with one mode by default, and with every mode for `make fuzz`."""
    is_long = metafunc.config.getoption("--fuzz-calls") > FUZZ_CALLS
    pairs = itertools.product(DATABASES, MODES) if is_long else zip(DATABASES, MODES, strict=True)
    metafunc.parametrize(("installation", "mode"), list(pairs), indirect=["installation"])


@pytest.fixture(scope="module")
def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Create a demo with a model on each kind of database."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with database_copy(request, folder) as url:
        installation = Installation(folder, url)
        installation.run("ingest", "demo")
        installation.run("train", "--algorithm", "popularity")
        yield installation


def signed_in(installation: Installation, server: Server) -> list[str]:
    """Return the options with an admin's token, if the server has a login."""
    if f"{API}/token" not in server.client.get("/openapi.json").json()["paths"]:
        return []
    password = secrets.token_urlsafe(24)
    created = installation.run("user", "create", "--admin", typed=password)
    form = {"grant_type": "password", "username": re.findall(r"\d+", created)[0], "password": password}
    token = server.client.post(f"{API}/token", data=form).json()["access_token"]
    return ["--header", f"Authorization: Bearer {token}"]


def seeded(fuzz_calls: int) -> list[str]:
    """Return the options of a fixed seed for the short run, so that only `make fuzz` can fail by chance."""
    return ["--seed", "1"] if fuzz_calls == FUZZ_CALLS else []


def test_every_answer_is_documented(installation: Installation, mode: str, fuzz_calls: int) -> None:
    with installation.serve(**FAST_TRAINING, **MODES[mode]) as server:
        done = subprocess.run(
            [
                SCHEMATHESIS, "--config-file", TOOLS / "schemathesis.toml",
                "run", f"{server.address}/openapi.json", "--checks", "all", "--no-color",
                # A cancelled run remains, so a DELETE does not always make a resource disappear.
                "--exclude-checks", "use_after_free",
                "--max-examples", str(max(1, fuzz_calls // CALLS_AN_EXAMPLE)), "--suppress-health-check", "all",
                *seeded(fuzz_calls), *signed_in(installation, server),
            ],
            env=os.environ | {"SCHEMATHESIS_HOOKS": str(TOOLS / "fuzz_hooks.py")},
            cwd=installation.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        log = server.log.read_text()

    generated = re.search(r"(\d+) generated", done.stdout)
    print(done.stdout[-2000:])  # noqa: T201 (shown by `make fuzz` and by a failure)
    assert done.returncode == 0, done.stdout
    assert generated
    assert int(generated[1]) >= fuzz_calls
    assert " ERROR " not in log
    assert "Traceback" not in log
    assert "ok       statistics: " in installation.run("doctor")
