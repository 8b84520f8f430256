"""The check of vendored files."""

import json
from pathlib import Path

import pytest

from scripts import vendored


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one vendored file and its lock file; the registry is out of reach."""
    file = tmp_path / "library.js"
    file.write_text("export const one = 1;\n", encoding="utf-8")
    entry = {
        "file": file.name,
        "package": "library",
        "version": "1.0.0",
        "license": "MIT",
        "path": "dist/library.js",
        "sha256": "46d1e8e75fbb53bb38d5a5c0f0a1bfea3d5ff8ed7ef8a1b5ba1bf9b8be7a3c5e",
    }
    (tmp_path / "lock.json").write_text(json.dumps([entry]), encoding="utf-8")
    monkeypatch.setattr(vendored, "FOLDER", tmp_path)
    monkeypatch.setattr(vendored, "LOCK", tmp_path / "lock.json")
    monkeypatch.setattr("shutil.which", lambda _name: None)
    return tmp_path


def test_the_page_has_the_files_of_its_lock_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)

    assert vendored.main() == 0


def test_a_changed_file_and_an_unlisted_one_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "extra.js").write_text("", encoding="utf-8")

    assert vendored.main() == 1
    printed = capsys.readouterr().err
    assert "extra.js is not in" in printed
    assert "library.js does not have the digest of" in printed
