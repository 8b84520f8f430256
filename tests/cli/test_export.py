import json
import sys
from pathlib import Path

import pytest

from tests.support.command_line import Matinee


def test_an_export_is_trained_on(matinee: Matinee, tmp_path: Path) -> None:
    matinee("ingest", "demo")

    exported = matinee("export", "monday")
    manifest = json.loads(matinee("export", "tuesday", "--json").printed)
    trained = matinee("train", "--from", "monday", "--algorithm", "popularity")
    again = matinee("train", "--from", "monday", "--algorithm", "popularity", "--if-needed")

    first, hint = exported.printed.splitlines()
    assert (exported.exit_code, exported.complained) == (0, "")
    assert first == (
        f"Exported {manifest['ratings']:,} ratings by {manifest['users']:,} users of {manifest['movies']} movies "
        "to monday."
    )
    assert hint == "To train on them: matinee train --from monday"
    assert json.loads((tmp_path / "tuesday" / "manifest.json").read_text()) == manifest
    assert trained.printed.startswith("Version 1 (popularity) trained in ")
    assert again.printed == "The newest version was trained on the current ratings; nothing to do.\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("train", "--from", "nowhere"), "nowhere is not a complete export: it has no manifest.json."),
        (("export", "taken"), "taken exists already. Delete it, or export to another path."),
        (("export", "unknown://bucket"), "'unknown://bucket' cannot be opened: Protocol not known: unknown"),
    ],
    ids=["nothing there", "taken", "unknown file system"],
)
def test_a_path_that_cannot_be_used_is_an_error(
    matinee: Matinee, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    matinee("ingest", "demo")

    outcome = matinee(*words)

    assert outcome.exit_code == 1
    assert outcome.complained.startswith(f"Error: {complaint}")


def test_without_pyarrow_the_extra_is_named(matinee: Matinee, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    outcome = matinee("export", "monday")

    assert outcome.complained == "Error: Exports need the extra parquet: pip install 'matinee[parquet]'\n"
