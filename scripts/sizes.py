"""Count the lines of functions and modules, because small ones are read and large ones are skimmed."""

import ast
import statistics
import sys
from pathlib import Path

MAX_MODULE = 400
MAX_FUNCTION = 60
MAX_FUNCTION_P90 = 30


def main() -> int:
    """Print the sizes. Return 1 if one is over its limit."""
    modules = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in sorted(Path("server").rglob("*.py"))
    }
    functions = [size for path in modules if "versions" not in path.parts for size in _functions(path)]
    lengths = sorted(length for _, length in functions)
    p90 = lengths[int(len(lengths) * 0.9)]
    print(  # noqa: T201 (a command that prints)
        f"{len(modules)} modules, lines median {statistics.median(modules.values()):.0f}, max {max(modules.values())}; "
        f"{len(functions)} functions, lines median {statistics.median(lengths):.0f}, p90 {p90}, max {lengths[-1]}"
    )
    problems = [f"{path}: {size} lines, more than {MAX_MODULE}" for path, size in modules.items() if size > MAX_MODULE]
    problems += [f"{name}: {size} lines, more than {MAX_FUNCTION}" for name, size in functions if size > MAX_FUNCTION]
    if p90 > MAX_FUNCTION_P90:
        problems.append(f"one function in ten has {p90} lines or more; the limit is {MAX_FUNCTION_P90}")
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 (as above)
    return 1 if problems else 0


def _functions(path: Path) -> list[tuple[str, int]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        (f"{path}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


if __name__ == "__main__":
    sys.exit(main())
