"""Look up known vulnerabilities of the locked dependencies with pip-audit, if the network allows it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PIP_AUDIT = Path(sys.executable).with_name("pip-audit")


def main() -> int:
    """Audit the requirements file in the first argument. Return 1 if a vulnerability is known."""
    options = ["--disable-pip", "--progress-spinner", "off", "--timeout", "10", "--format", "json"]
    done = subprocess.run(  # noqa: S603 (our own tool)
        [PIP_AUDIT, "--requirement", sys.argv[1], *options], capture_output=True, text=True, check=False
    )
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except ValueError:
        _print(f"audit skipped: {(done.stderr.strip() or 'pip-audit printed nothing').splitlines()[-1]}")
        return 0
    return _report(dependencies)


def _report(dependencies: Sequence[dict[str, Any]]) -> int:
    skipped = [dependency for dependency in dependencies if "skip_reason" in dependency]
    if skipped:
        _print(f"audit skipped for {len(skipped)} of {len(dependencies)} packages: {skipped[0]['skip_reason']}")
    found = [(dependency, known) for dependency in dependencies for known in dependency.get("vulns", ())]
    for dependency, known in found:
        remedy = f"fixed in {', '.join(known['fix_versions'])}" if known["fix_versions"] else "not fixed yet"
        _print(f"{dependency['name']} {dependency['version']}: {known['id']}, {remedy}")
    return 1 if found else 0


def _print(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 (a command that prints)


if __name__ == "__main__":
    sys.exit(main())
