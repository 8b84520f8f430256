"""Training behind a running server, and recovery after the trainer or the server was killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import API, ENGINE, FAST_TRAINING, Installation, Server, on_sqlite
from tests.support.suspension import suspended

RECOMMENDED = f"{API}/user/1/recommended-movies"


@pytest.fixture(scope="module")
def trained_quickly(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Create a demo whose version 1 is of the fast algorithm, because a better live model would refuse the next."""
    demo = on_sqlite(tmp_path_factory.mktemp("quick"))
    demo.run("ingest", "demo")
    demo.run("train", "--algorithm", "popularity")
    return demo


@pytest.fixture
def installation(trained_quickly: Installation, tmp_path: Path) -> Installation:
    """Return a demo of the test's own, with version 1 of the fast algorithm."""
    return trained_quickly.copy_to(tmp_path)


@pytest.fixture
def server(installation: Installation) -> Iterator[Server]:
    """Run a server that trains the fast algorithm."""
    with installation.serve(**FAST_TRAINING) as server:
        yield server


@pytest.fixture(scope="module")
def shared_installation(trained_quickly: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Return the installation of the shared server."""
    return trained_quickly.copy_to(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def shared_server(shared_installation: Installation) -> Iterator[Server]:
    """Run one server that trains the fast algorithm, for tests that leave a usable model."""
    with shared_installation.serve(**FAST_TRAINING) as server:
        yield server


def make_live(server: Server, version: int) -> None:
    """Activate a version, and return when it is served."""
    assert server.client.put(f"{ENGINE}/active-model", json={"version": version}).status_code == 200
    server.wait_for_version(version)


def assert_nothing_is_lost(server: Server) -> None:
    """Check that version 1 is served and that the next training creates a new version."""
    assert server.client.get("/readyz").json()["model_version"] == 1
    assert server.client.get(RECOMMENDED).status_code == 200
    run = server.wait_for_end(server.start_training())
    assert (run["status"], run["error"]) == ("succeeded", None)
    server.wait_for_version(run["version"])


def test_two_trainings_give_two_versions_both_on_disk(installation: Installation, server: Server) -> None:
    runs = [server.wait_for_end(server.start_training()) for _ in range(2)]

    versions = server.client.get(f"{ENGINE}/models").json()["models"]
    assert [(run["status"], run["error"], run["progress"]) for run in runs] == [("succeeded", None, 1.0)] * 2
    assert [(version["version"], version["is_active"]) for version in versions] == [
        (runs[1]["version"], True),
        (runs[0]["version"], False),
        (1, False),
    ]
    assert len(list(installation.models.iterdir())) == 3
    server.wait_for_version(runs[1]["version"])


def test_an_earlier_version_can_be_made_live_again(shared_server: Server) -> None:
    newer = shared_server.wait_for_end(shared_server.start_training())["version"]

    for version in (newer, 1):  # whether the training has activated its version is not asked here
        response = shared_server.client.put(f"{ENGINE}/active-model", json={"version": version})

        assert (response.status_code, response.json()["version"], response.json()["is_active"]) == (200, version, True)
        shared_server.wait_for_version(version)


def test_other_requests_are_answered_while_a_training_runs(shared_server: Server) -> None:
    client = shared_server.client
    run = shared_server.start_training()
    statuses = []

    while shared_server.find_run(run, {"queued", "running"}):
        statuses += [
            client.get(f"{API}/movies?search=alien").status_code,
            client.get(RECOMMENDED).status_code,
            client.post(f"{API}/ratings", json={"user_id": 1, "movie_id": 2, "rating": 4.0}).status_code,
        ]

    assert len(statuses) >= 3
    assert set(statuses) <= {200, 201}
    assert shared_server.get_run(run)["status"] == "succeeded"


def test_trainings_asked_for_during_one_are_one_that_follows(shared_server: Server) -> None:
    first = shared_server.start_training()
    with suspended(shared_server.wait_for_trainer(first)):
        followers = [shared_server.start_training() for _ in range(3)]
        current = shared_server.client.get(ENGINE).json()["current_run"]

    ends = [shared_server.wait_for_end(run) for run in (first, followers[0])]
    assert followers == [followers[0]] * 3
    assert [current["run_id"], current["status"]] == [ends[0]["run_id"], "running"]
    assert [end["status"] for end in ends] == ["succeeded", "succeeded"]
    assert ends[0]["finished_at"] <= ends[1]["started_at"]


def test_a_killed_trainer_leaves_a_failed_run_and_the_live_model(shared_server: Server) -> None:
    make_live(shared_server, 1)
    run = shared_server.start_training()

    os.kill(shared_server.wait_for_trainer(run), signal.SIGKILL)

    end = shared_server.wait_for_end(run)
    assert (end["status"], end["version"]) == ("failed", None)
    assert end["error"] == "The training process was ended by signal 9."
    assert_nothing_is_lost(shared_server)


def test_a_server_killed_during_a_training_comes_back_with_its_model(installation: Installation) -> None:
    with installation.serve(**FAST_TRAINING) as killed:
        run = killed.start_training()
        killed.wait_for_trainer(run)
        killed.end(signal.SIGKILL)

    with installation.serve(**FAST_TRAINING) as server:
        end = server.wait_for_end(run)

        assert (end["status"], end["version"]) == ("failed", None)
        assert end["error"] == "The server stopped during the training."
        assert_nothing_is_lost(server)


def test_a_server_told_to_stop_ends_in_good_order_and_takes_its_trainer_along(installation: Installation) -> None:
    with installation.serve() as server:
        trainer = server.wait_for_trainer(server.start_training())

        exit_code = server.end(signal.SIGTERM)

        assert exit_code == 0
        with pytest.raises(ProcessLookupError):
            os.kill(trainer, 0)


def test_a_model_that_cannot_be_stored_fails_its_run_only(
    shared_installation: Installation, shared_server: Server
) -> None:
    make_live(shared_server, 1)
    models = shared_installation.models
    aside = models.rename(shared_installation.folder / "aside")
    models.touch()

    run = shared_server.wait_for_end(shared_server.start_training())

    models.unlink()
    aside.rename(models)
    assert run["status"] == "failed"
    assert run["error"].startswith("The model could not be stored: ")
    assert_nothing_is_lost(shared_server)


def test_a_training_without_ratings_reports_how_many_are_needed(tmp_path: Path) -> None:
    with on_sqlite(tmp_path).serve() as server:
        run = server.wait_for_end(server.start_training())

        user = server.client.post(f"{API}/user").headers["Location"].removesuffix("/ratings")
        assert run["status"] == "failed"
        assert "the 0 ratings contain none" in run["error"]
        assert run["error"].endswith("Load more ratings.")
        assert server.client.get(f"{user}/recommended-movies").status_code == 409
