"""Count the lines of functions and modules, because small ones are read and large ones are skimmed."""

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("server", "tests", "benchmarks", "scripts")
MAX_MODULE = 400
MAX_FUNCTION = 60
MAX_FUNCTION_P90 = 30


def main() -> int:
    """Print the sizes of each folder. Return 1 if one is over its limit."""
    problems = [problem for folder in FOLDERS for problem in _problems(folder)]
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 (a command that prints)
    return 1 if problems else 0


def _problems(folder: str) -> list[str]:
    modules = {path: path.read_text(encoding="utf-8") for path in _modules(folder)}
    lengths = {str(path): len(source.splitlines()) for path, source in modules.items()}
    functions = dict(size for path, source in modules.items() for size in _functions(path, source))
    ordered = sorted(functions.values())
    p90 = ordered[int(len(ordered) * 0.9)]
    print(  # noqa: T201 (as above)
        f"{folder}: {len(lengths)} modules, lines median {statistics.median(lengths.values()):.0f}, "
        f"max {max(lengths.values())}; {len(functions)} functions, lines median {statistics.median(ordered):.0f}, "
        f"p90 {p90}, max {ordered[-1]}"
    )
    problems = [f"{name}: {size} lines, more than {MAX_MODULE}" for name, size in lengths.items() if size > MAX_MODULE]
    problems += [
        f"{name}: {size} lines, more than {MAX_FUNCTION}" for name, size in functions.items() if size > MAX_FUNCTION
    ]
    if p90 > MAX_FUNCTION_P90:
        problems.append(f"{folder}: one function in ten has {p90} lines or more; the limit is {MAX_FUNCTION_P90}")
    return problems


def _modules(folder: str) -> list[Path]:
    """Return the modules of a folder. Released migrations never change, so they are left out."""
    excluded = {"versions", "node_modules"}
    return [path for path in sorted(Path(folder).rglob("*.py")) if not excluded & set(path.parts)]


def _functions(path: Path, source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


if __name__ == "__main__":
    sys.exit(main())
