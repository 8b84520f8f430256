"""``matinee doctor``: checks the installation."""

import typer
from pydantic import TypeAdapter

from server.backend.config import Settings
from server.cli.options import AsJson, command_app, examples
from server.cli.output import print_result
from server.command_errors import SettingsError
from server.schemas.diagnostics import Finding, Health
from server.services.diagnostics import describe_wrong_settings, examine

app = command_app()


@app.command(epilog=examples("matinee doctor", "matinee doctor --json | jq '.[] | select(.health != \"ok\")'"))
def doctor(as_json: AsJson = False) -> None:
    """Check the installation and say how to fix what is wrong.

    Checks settings, disk space, model store, database and live model, and changes nothing. Servers may run meanwhile.
    The exit code is 1 if a check failed; a warning is not a failure.
    """
    try:
        findings = list(examine(Settings.load()))
    except SettingsError as error:
        findings = [describe_wrong_settings(error)]
    if as_json:
        print_result(TypeAdapter(list[Finding]).dump_json(findings, indent=2).decode())
    else:
        _print_findings(findings)
    raise typer.Exit(any(finding.health is Health.FAILED for finding in findings))


def _print_findings(findings: list[Finding]) -> None:
    for finding in findings:
        print_result(f"{finding.health:<8} {finding.name}: {finding.detail}")
        if finding.remedy:
            print_result(f"{'':<8}   {finding.remedy}")
