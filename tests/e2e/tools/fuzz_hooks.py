"""What Schemathesis is told before each request.

To JSON Schema 1.0 is an integer, and there is no way to say otherwise; our contract refuses it, strictly, and tests of
ours hold that (`tests/web/test_bodies.py`). Without this it would be reported as valid input that is rejected.
"""

from typing import Any

import schemathesis


def with_integers_written_so(value: Any) -> Any:  # noqa: ANN401 (any JSON value, or what stands for none)
    """Give the same JSON value, as JSON Schema has it, with 1.0 as 1."""
    if isinstance(value, dict):
        return {name: with_integers_written_so(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_integers_written_so(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case[Any], _kwargs: dict[str, Any]) -> None:
    """Change the body on its way out, whichever phase has made it."""
    case.body = with_integers_written_so(case.body)
