import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from server.backend.backup import copy_sqlite
from server.command_errors import SettingsError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database of pairs, of which both halves are written in one transaction."""
    path = tmp_path / "pairs.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE lefts (number INTEGER)")
        connection.execute("CREATE TABLE rights (number INTEGER)")
    return path


def count(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("lefts", "rights")]  # noqa: S608 (two constants)


def test_a_copy_made_while_others_write_is_of_one_moment(file: Path, tmp_path: Path) -> None:
    stopped = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(file)) as connection:
            while not stopped.is_set():
                with connection:
                    connection.execute("INSERT INTO lefts VALUES (1)")
                    connection.execute("INSERT INTO rights VALUES (1)")

    writer = threading.Thread(target=write)
    writer.start()
    for number in range(5):
        copy_sqlite(file, tmp_path / f"copy-{number}.db")
    stopped.set()
    writer.join()

    counts = [count(tmp_path / f"copy-{number}.db") for number in range(5)]
    assert all(lefts == rights for lefts, rights in counts)
    assert counts == sorted(counts)


def test_an_existing_destination_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")

    with pytest.raises(SettingsError, match=r"precious already exists\. Name a new file\.$"):
        copy_sqlite(file, tmp_path / "precious")

    assert (tmp_path / "precious").read_text() == "precious"


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^The database .*nowhere\.db does not exist\."):
        copy_sqlite(tmp_path / "nowhere.db", tmp_path / "copy.db")

    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)

    with pytest.raises(SettingsError, match=r"cannot be copied to .*: file is not a database"):
        copy_sqlite(tmp_path / "broken.db", tmp_path / "copy.db")

    assert [path.name for path in tmp_path.iterdir()] == ["broken.db"]


def test_a_copy_is_readable_by_its_owner_only(file: Path, tmp_path: Path) -> None:
    copy_sqlite(file, tmp_path / "copy.db")

    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
