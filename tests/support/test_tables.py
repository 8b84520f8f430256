"""The tests over tables: every row runs, and every row that fails is reported."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.tables import for_each, for_each_in


class Notes:
    """Subtests that note their rows and those that fail."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.failed: list[dict[str, object]] = []

    @contextmanager
    def test(self, _message: str, **row: object) -> Iterator[None]:
        self.rows.append(row)
        try:
            yield
        except AssertionError:
            self.failed.append(row)


def test_every_row_runs_and_each_failure_is_reported() -> None:
    @for_each_in("numbers", "factor")
    @for_each("a, b", [(1, 2), (3, 4)])
    def is_twelve(a: int, b: int, *, factor: int) -> None:
        assert a * b * factor == 12

    notes = Notes()
    is_twelve(subtests=notes, numbers={"one": 1, "six": 6})

    rows = [(row["factor"], row["a"], row["b"]) for row in notes.rows]
    assert rows == [(1, 1, 2), (1, 3, 4), (6, 1, 2), (6, 3, 4)]
    assert [(row["factor"], row["a"]) for row in notes.failed] == [(1, 1), (6, 3)]


def test_each_row_has_a_folder_and_a_monkeypatch_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[Path] = []

    @for_each("number", range(2))
    def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        assert not hasattr(write, "number")
        monkeypatch.setattr(write, "number", number, raising=False)
        folders.append(tmp_path)

    notes = Notes()
    write(subtests=notes, tmp_path=tmp_path, monkeypatch=monkeypatch)

    assert (len(notes.rows), notes.failed) == (2, [])
    assert [folder.is_dir() for folder in dict.fromkeys(folders)] == [True, True]


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="the table of a, b is empty"):
        for_each("a, b", [])
