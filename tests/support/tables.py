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
from typing import Any, NamedTuple

import pytest

Test = Callable[..., None]
Row = dict[str, Any]
FOR_ALL_TESTS = ("subtests",)


class Table(NamedTuple):
    """The rows of one decorator, which may come from a fixture."""

    names: Sequence[str]
    fixture: str | None
    list_rows: Callable[[Mapping[str, Any]], list[Row]]


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
    return functools.partial(_with_table, Table(keys, None, lambda _fixtures: rows))


def for_each_in(fixture: str, names: str) -> Callable[[Test], Test]:
    """Return a decorator like `for_each` whose rows are the values of a fixture: a mapping that is not empty.

    Several names need a mapping of tuples. A test takes those of the names that it uses.
    """
    keys = [name.strip() for name in names.split(",")]

    def list_rows(fixtures: Mapping[str, Any]) -> list[Row]:
        values = fixtures[fixture].values()
        assert values
        return [dict(zip(keys, [value] if len(keys) == 1 else value, strict=True)) for value in values]

    return functools.partial(_with_table, Table(keys, fixture, list_rows))


def _with_table(table: Table, test: Test) -> Test:
    function, tables = getattr(test, "tables", (test, []))
    return _test_over([table, *tables], function)


def _test_over(tables: list[Table], test: Test) -> Test:
    @functools.wraps(test)
    def run(**fixtures: Any) -> None:  # noqa: ANN401 (fixtures of any type)
        wanted = {name: value for name, value in fixtures.items() if name in parameters}
        combinations = itertools.product(*(table.list_rows(fixtures) for table in tables))
        for number, rows in enumerate(combinations):
            row = {name: value for row in rows for name, value in row.items() if name in signature.parameters}
            with fixtures["subtests"].test(f"row {number}", **row), _own(wanted, number) as own:
                test(**row, **own)

    signature = inspect.signature(test)
    filled = {name for table in tables for name in table.names}
    parameters = [name for name in signature.parameters if name not in filled]
    sources = [table.fixture for table in tables if table.fixture]
    run.__signature__ = signature.replace(  # type: ignore[attr-defined] # as `inspect` documents
        parameters=[
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
            for name in dict.fromkeys([*FOR_ALL_TESTS, *sources, *parameters])
        ]
    )
    run.tables = (test, tables)  # type: ignore[attr-defined] # read by the decorator above this one
    return run


@contextmanager
def _own(fixtures: Mapping[str, Any], number: int) -> Iterator[Row]:
    """Yield the fixtures of one row."""
    own = dict(fixtures)
    if "tmp_path" in own:
        folder: Path = own["tmp_path"] / f"row-{number}"
        folder.mkdir()
        own["tmp_path"] = folder
    with pytest.MonkeyPatch.context() as monkeypatch:
        if "monkeypatch" in own:
            own["monkeypatch"] = monkeypatch
        yield own
