"""Backup and restore as described in docs/operations.md, while a server stores ratings."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import URL

from tests.support import postgres
from tests.support.installation import API, Installation, Server, on_sqlite
from tests.support.waiting import DEADLINE_S


@contextmanager
def rated_meanwhile(server: Server) -> Iterator[None]:
    """Rate without a pause while the block runs; it starts after ten ratings, which every backup must contain."""
    stopped = threading.Event()
    ten_are_in = threading.Event()

    def rate() -> None:
        for number in range(100_000):
            body = {"user_id": number % 300 + 1, "movie_id": number % 7 + 1, "rating": 2.5}
            assert server.client.post(f"{API}/ratings", json=body).status_code in {200, 201}
            if number == 10:
                ten_are_in.set()
            if stopped.is_set():
                return

    thread = threading.Thread(target=rate)
    thread.start()
    assert ten_are_in.wait(DEADLINE_S)
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def assert_is_in_good_health(restored: Installation) -> None:
    """Check a restored installation with `matinee doctor` and a few requests."""
    report = restored.run("doctor")
    assert "failed" not in report
    assert "ok       statistics: " in report
    assert "ok       live model: version 1 is intact" in report
    with restored.serve() as server:
        for number in range(10):
            ratings = server.client.get(f"{API}/user/{number + 1}/ratings?limit=100").json()["ratings"]
            assert 2.5 in [rating["rating"] for rating in ratings if rating["movie_id"] == number % 7 + 1]
        assert server.client.get(f"{API}/user/1/recommended-movies").status_code == 200


def test_a_backup_on_sqlite_is_restored(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> None:
    backup, folder = tmp_path_factory.mktemp("backup"), tmp_path_factory.mktemp("restored")
    with installation.serve() as server, rated_meanwhile(server):
        installation.run("db", "backup", str(backup / "matinee.db"))
        shutil.copytree(installation.models, backup / "models")

    shutil.copytree(backup, folder, dirs_exist_ok=True)

    assert_is_in_good_health(on_sqlite(folder))


def test_a_backup_on_postgresql_is_restored(installation_on_postgresql: Installation, postgres_server: URL) -> None:
    pg_dump, pg_restore = (postgres.client_binaries() / name for name in ("pg_dump", "pg_restore"))
    folder, original_url = installation_on_postgresql.folder, installation_on_postgresql.database_url
    with postgres.database(postgres_server, f"restored_{folder.name}", template="template0") as restored:
        with installation_on_postgresql.serve() as server, rated_meanwhile(server):
            dump = ["--format=custom", "--file", str(folder / "matinee.dump"), "--dbname", original_url]
            subprocess.run([pg_dump, *dump], check=True)

        restored_url = restored.render_as_string(hide_password=False)
        subprocess.run([pg_restore, "--dbname", restored_url, str(folder / "matinee.dump")], check=True)

        assert_is_in_good_health(Installation(folder, restored_url))
