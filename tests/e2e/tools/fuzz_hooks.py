"""Hooks of Schemathesis.

For JSON Schema, 1.0 is an integer; the API refuses it (`tests/web/test_bodies.py`). Without the hook, Schemathesis
would report valid input that is rejected.
"""

from typing import Any

import schemathesis


def with_plain_integers(value: Any) -> Any:  # noqa: ANN401 (any JSON value, or the marker of a missing one)
    """Return the JSON value with integers such as 1.0 written as 1."""
    if isinstance(value, dict):
        return {name: with_plain_integers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_plain_integers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Replace the body of each request before it is sent."""
    case.body = with_plain_integers(case.body)
