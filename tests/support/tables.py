"""Tests over tables: a test with `for_each` is one item that runs every row and reports each row that fails.

`pytest.mark.parametrize` makes an item of every row, with its setup, teardown and reports. It remains right where each
row needs fixtures of its own, such as a database.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Test = Callable[..., None]
Row = dict[str, Any]


def for_each(names: str | Sequence[str], values: Iterable[Any]) -> Callable[[Test], Test]:
    """Return a decorator that runs a test once for each row of a table, as a subtest that names its row.

    `names` and `values` are what `pytest.mark.parametrize` takes. Stacked decorators run the test for each combination.
    All rows share the fixtures of one test, except that `tmp_path` and `monkeypatch` are new for each row.
    Raise `ValueError` if the table is empty.
    """
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    rows = [dict(zip(keys, [value] if len(keys) == 1 else value, strict=True)) for value in values]
    if not rows:
        message = f"the table of {', '.join(keys)} is empty"
        raise ValueError(message)

    def decorate(test: Test) -> Test:
        if (inner := getattr(test, "table", None)) is None:
            return _test_over(rows, test)
        function, inner_rows = inner
        return _test_over([ours | theirs for ours, theirs in itertools.product(rows, inner_rows)], function)

    return decorate


def _test_over(rows: list[Row], test: Test) -> Test:
    @functools.wraps(test)
    def run(subtests: pytest.Subtests, request: pytest.FixtureRequest, **fixtures: Any) -> None:  # noqa: ANN401
        passed_on = {"subtests": subtests, "request": request}
        fixtures |= {name: passed_on[name] for name in passed_on if name in wanted}
        for number, row in enumerate(rows):
            with subtests.test(f"row {number}", **row), _own(fixtures, number) as own:
                test(**row, **own)

    signature = inspect.signature(test)
    wanted = {name for name in signature.parameters if name not in rows[0]}
    added = ("subtests", "request")
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, kind) for name in [*added, *(wanted - set(added))]]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # as `inspect` documents
    run.table = (test, rows)  # type: ignore[attr-defined] # read by the decorator above this one
    return run


@contextmanager
def _own(fixtures: Mapping[str, Any], number: int) -> Iterator[dict[str, Any]]:
    own = dict(fixtures)
    if "tmp_path" in own:
        folder: Path = own["tmp_path"] / f"row-{number}"
        folder.mkdir()
        own["tmp_path"] = folder
    with pytest.MonkeyPatch.context() as monkeypatch:
        if "monkeypatch" in own:
            own["monkeypatch"] = monkeypatch
        yield own
