"""The check of deploy/ passes on our files and finds each kind of mistake in them."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import yaml

from scripts.deployment import find_problems
from tests.support.tables import for_each

DEPLOY = Path("deploy")
MISTAKES = {
    "a layer with a cache": ("Dockerfile", "--no-cache-dir ", "", "DL3042 warning"),
    "an unknown field": ("kubernetes/server.yaml", "maxUnavailable: 1", "maxMissing: 1", "maxMissing"),
    "a misspelled setting": ("compose.yaml", "MATINEE_SIGN_UP", "MATINEE_SIGNUP", "MATINEE_SIGNUP is not a setting"),
    "an unknown metric": ("monitoring/alerts.yaml", "matinee_model_age_seconds", "matinee_age", "is not a metric"),
    "a missing panel": (
        "monitoring/dashboard.json",
        "matinee_training_runs",
        "up",
        "does not show matinee_training_runs",
    ),
}


def test_our_files_are_correct() -> None:
    assert list(find_problems(DEPLOY)) == []


@for_each(("name", "text", "mistake", "problem"), MISTAKES.values())
def test_a_mistake_is_found(name: str, text: str, mistake: str, problem: str, tmp_path: Path) -> None:
    deploy = shutil.copytree(DEPLOY, tmp_path / "deploy")
    file = deploy / name
    assert text in file.read_text()
    file.write_text(file.read_text().replace(text, mistake))

    problems = list(find_problems(deploy))

    assert len(problems) >= 1
    assert problem in problems[0]


def test_all_services_of_compose_have_pinned_images() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    images = {name: service["image"] for name, service in services.items()}

    assert set(images) >= {"database", "redis", "s3", "migrate", "server", "worker", "proxy"}
    assert {name for name, image in images.items() if ":" not in image} == {"migrate", "server", "worker"}, (
        "built from here"
    )


def test_a_server_needs_no_package_that_the_serve_image_lacks() -> None:
    removed = re.findall(r"uv pip uninstall --python \S+ (.+)", (DEPLOY / "Dockerfile").read_text())
    modules = {module for package in removed[0].split() for module in _modules_of(package)}
    hidden = "".join(f"sys.modules[{module!r}] = None; " for module in sorted(modules))

    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {hidden}import server.app, server.cli.serve, server.cli.db"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert {"polars", "sklearn"} <= modules
    assert (done.returncode, done.stderr) == (0, "")


def _modules_of(package: str) -> set[str]:
    """Return the top-level modules of an installed package."""
    return {module for module, packages in packages_distributions().items() if package in packages}
