"""Check deploy/: hadolint, the Kubernetes schemas, and that every setting and metric named there exists."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import yaml

from server.backend.config import Settings

KUBERNETES_VERSION = "1.33"
METRIC = re.compile(r"\bmatinee_[a-z_]+")


def main() -> int:
    """Return 1 if a file has a problem, after printing it."""
    problems = list(find_problems(Path("deploy")))
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 (a command that prints)
    return 1 if problems else 0


def find_problems(deploy: Path) -> Iterator[str]:
    """Yield the problems of the files in a folder."""
    yield from lint_dockerfile(deploy / "Dockerfile")
    yield from check_manifests(deploy / "kubernetes")
    yield from check_settings(deploy)
    yield from check_metrics(deploy / "monitoring")


def lint_dockerfile(path: Path) -> Iterator[str]:
    """Yield what hadolint finds."""
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", path], capture_output=True, text=True, check=False)  # noqa: S603 (our own tool)
    yield from done.stdout.splitlines() + done.stderr.splitlines()


def check_manifests(folder: Path) -> Iterator[str]:
    """Yield the manifests that do not match the schema of their kind."""
    for path in sorted(folder.glob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            try:
                kubernetes_validate.validate(manifest, KUBERNETES_VERSION, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{path}: {manifest['kind']}: {error.message}"


def check_settings(folder: Path) -> Iterator[str]:
    """Yield the variables that are not settings."""
    known = {f"MATINEE_{name.upper()}" for name in Settings.model_fields}
    for path, text in _read_files(folder):
        for name in sorted(set(re.findall(r"\bMATINEE_[A-Z_]+", text)) - known):
            yield f"{path}: {name} is not a setting"


def check_metrics(folder: Path) -> Iterator[str]:
    """Yield the names that are not metrics, and the metrics that the dashboard does not show."""
    known = set(_list_metrics())
    named = {path: {_without_suffix(name) for name in METRIC.findall(text)} for path, text in _read_files(folder)}
    for path, names in named.items():
        yield from (f"{path}: {name} is not a metric" for name in sorted(names - known))
    dashboard = folder / "dashboard.json"
    yield from (f"{dashboard} does not show {name}" for name in sorted(known - named[dashboard]))


def _list_metrics() -> Iterator[str]:
    """Yield the names of the metrics in the source of the server."""
    for path in Path("server").rglob("*.py"):
        yield from re.findall(r'"(matinee_[a-z_]+)"', path.read_text(encoding="utf-8"))


def _without_suffix(series: str) -> str:
    """Return the name of the metric that a series belongs to."""
    return re.sub(r"_(total|bucket|count|sum)$", "", series)


def _read_files(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path, path.read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
