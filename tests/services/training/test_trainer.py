import errno
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.command_errors import TooFewRatings, TrainingInProgress
from server.errors import ConflictError
from server.models import Rating
from server.recommender import artifact
from server.schemas.base import Paging
from server.schemas.ratings import RatingCreate
from server.schemas.recommendation_engine import ModelVersion, TrainingData, TrainingRun
from server.services.live.model import LiveModel
from server.services.ratings import RatingService
from server.services.recommendation_engine import RecommendationEngineService
from server.services.training.heartbeat import Heartbeat
from server.services.training.runs import TrainingRunDataManager
from server.services.training.trainer import Trainer
from tests.support.builders import TASTE_MOVIES, TASTE_USERS, in_transaction
from tests.support.tables import for_each

RATINGS = 15 * len(TASTE_USERS)


class FullDisk(LocalFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """Fails to write the last file of an artifact."""

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:  # noqa: ANN401 (as fsspec has it)
        """Open a file. Raise when the last file is opened for writing."""
        if path.endswith(artifact.MANIFEST) and "w" in mode:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        return super().open(path, mode, **options)


def get_run(database: Database, run_id: int) -> TrainingRun:
    with database.transaction(writes=False) as session:
        return RecommendationEngineService(session).get_run(run_id)


def list_versions(database: Database) -> list[ModelVersion]:
    with database.transaction(writes=False) as session:
        return RecommendationEngineService(session).list_versions(Paging()).models


def shuffle_stars(session: Session) -> None:
    """Replace the value of each rating by that of another one."""
    rows = session.execute(select(Rating.rating_id, Rating.rating).order_by(Rating.rating_id)).all()
    stars = random.Random(0).sample([row.rating for row in rows], len(rows))  # noqa: S311 (no secret)
    for row, rating in zip(rows, stars, strict=True):
        session.execute(update(Rating).where(Rating.rating_id == row.rating_id).values(rating=rating))


def shuffle_movies(session: Session) -> None:
    """Replace the movies that each user has rated."""
    rows = session.execute(select(Rating.user_id, Rating.rating, Rating.rated_at).order_by(Rating.rating_id)).all()
    session.execute(delete(Rating))
    generator = random.Random(0)  # noqa: S311 (no secret)
    movies = [movie for _ in TASTE_USERS for movie in generator.sample(TASTE_MOVIES, 15)]
    session.execute(
        insert(Rating), [row._asdict() | {"movie_id": movie} for row, movie in zip(rows, movies, strict=True)]
    )


def end_run(database: Database, run_id: int) -> None:
    in_transaction(database, lambda session: TrainingRunDataManager(session).fail(run_id, "for a reason"))


@pytest.mark.usefixtures("tastes")
def test_a_training_ends_with_a_live_version_and_its_artifact(
    trainer: Trainer, live_model: LiveModel, settings: Settings
) -> None:
    run_id = trainer.start_run()

    version = trainer.carry_out(run_id)

    run = get_run(trainer.database, run_id)
    assert (run.status, run.progress, run.error, run.version) == ("succeeded", 1.0, None, version)
    assert (run.is_activated, run.verdict) == (True, "No version was live to compare with.")
    [entry] = list_versions(trainer.database)
    assert (entry.version, entry.algorithm, entry.seed, entry.is_active) == (version, "ease", settings.seed, True)
    assert entry.data == TrainingData(
        ratings=RATINGS,
        users=len(TASTE_USERS),
        movies=len(TASTE_MOVIES),
        newest_rating=datetime.fromtimestamp(1000000014, UTC),
        catalogue_version=1,
        modelled_movies=len(TASTE_MOVIES),
        modelled_ratings=RATINGS,
    )
    assert entry.activity[0].ratings_from == 0
    assert entry.duration_s > 0
    [name] = trainer.store.list_names()
    assert entry.size_bytes == trainer.store.size_bytes(name) > 0
    live_model.refresh()
    assert live_model.version == version


@pytest.mark.usefixtures("tastes")
def test_each_training_adds_a_version_and_an_artifact(trainer: Trainer) -> None:
    versions = [trainer.carry_out(trainer.start_run()) for _ in range(2)]

    assert [entry.version for entry in list_versions(trainer.database)] == versions[::-1]
    assert [entry.is_active for entry in list_versions(trainer.database)] == [True, False]
    assert len(trainer.store.list_names()) == 2


@pytest.mark.usefixtures("tastes")
def test_a_training_deletes_the_versions_that_are_too_many(
    database: Database, store: ModelStore, settings: Settings
) -> None:
    few = settings.model_copy(update={"models_kept": 1, "algorithm": "popularity"})
    trainer = Trainer(database, store, few)

    versions = [trainer.carry_out(trainer.start_run()) for _ in range(4)]

    # The live version and its predecessor.
    assert [entry.version for entry in list_versions(database)] == versions[:1:-1]
    assert len(store.list_names()) == 2


@pytest.mark.parametrize("shuffle", [shuffle_stars, shuffle_movies])
def test_a_model_of_shuffled_ratings_is_kept_but_not_activated(
    tastes: Database, trainer: Trainer, live_model: LiveModel, shuffle: Callable[[Session], None]
) -> None:
    good = trainer.carry_out(trainer.start_run())
    in_transaction(tastes, shuffle)

    run_id = trainer.start_run()
    worse = trainer.carry_out(run_id)

    run = get_run(tastes, run_id)
    assert (run.status, run.error, run.version, run.is_activated) == ("succeeded", None, worse, False)
    assert run.verdict is not None
    assert run.verdict.endswith(("the lists are worse.", "Check the ratings for damage."))
    assert {entry.version: entry.is_active for entry in list_versions(tastes)} == {worse: False, good: True}
    assert len(trainer.store.list_names()) == 2
    live_model.refresh()
    assert live_model.version == good


def test_a_worse_model_goes_live_on_request(tastes: Database, trainer: Trainer) -> None:
    trainer.carry_out(trainer.start_run())
    in_transaction(tastes, shuffle_movies)

    run_id = trainer.start_run()
    version = trainer.carry_out(run_id, force_activation=True)

    run = get_run(tastes, run_id)
    assert run.is_activated
    assert run.verdict is not None
    assert run.verdict.startswith("Activated on request, regardless of quality. ")
    assert [entry.version for entry in list_versions(tastes) if entry.is_active] == [version]


@pytest.mark.usefixtures("tastes")
def test_an_unreadable_live_version_is_replaced(trainer: Trainer) -> None:
    first = trainer.carry_out(trainer.start_run())
    [name] = trainer.store.list_names()
    trainer.store.remove(name)
    assert trainer.is_needed()

    run_id = trainer.start_run()
    trainer.carry_out(run_id)

    assert get_run(trainer.database, run_id).verdict == (
        f"The live version {first} is not readable, so the models could not be compared."
    )
    assert not trainer.is_needed()


@pytest.mark.usefixtures("tastes")
def test_an_earlier_version_can_go_live_again(trainer: Trainer) -> None:
    first, _ = (trainer.carry_out(trainer.start_run()) for _ in range(2))

    activated = in_transaction(
        trainer.database, lambda session: RecommendationEngineService(session).activate(first, trainer.store)
    )

    assert (activated.version, activated.is_active) == (first, True)
    assert [entry.is_active for entry in list_versions(trainer.database)] == [False, True]


@pytest.mark.usefixtures("tastes")
def test_the_stages_of_a_training_are_reported_in_order(trainer: Trainer) -> None:
    reported: list[tuple[str, float]] = []

    trainer.carry_out(trainer.start_run(), lambda stage, progress: reported.append((stage, progress)))

    stages, shares = zip(*reported, strict=True)
    assert (stages[0], stages[-1]) == ("reading", "storing")
    assert list(shares) == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] < 1


@pytest.mark.usefixtures("catalogue")
def test_too_few_ratings_train_popularity_and_the_run_says_so(trainer: Trainer, live_model: LiveModel) -> None:
    run_id = trainer.start_run()

    version = trainer.carry_out(run_id)

    run = get_run(trainer.database, run_id)
    assert (run.status, run.version, run.is_activated) == ("succeeded", version, True)
    assert run.verdict == (
        "Trained popularity instead of ease. A training needs 10 users with 5 ratings or more. There are 16 ratings "
        "and 2 such users. Load more ratings. No version was live to compare with."
    )
    assert [(entry.algorithm, entry.metrics) for entry in list_versions(trainer.database)] == [("popularity", {})]
    live_model.refresh()
    assert live_model.version == version
    assert not trainer.is_needed()


def test_a_model_without_metrics_does_not_replace_one_with_metrics(tastes: Database, trainer: Trainer) -> None:
    measured = trainer.carry_out(trainer.start_run())
    in_transaction(tastes, lambda session: session.execute(delete(Rating).where(Rating.user_id > 5)))

    run_id = trainer.start_run()
    trainer.carry_out(run_id)

    run = get_run(tastes, run_id)
    assert (run.status, run.is_activated) == ("succeeded", False)
    assert str(run.verdict).endswith(
        f"A model without metrics does not replace the live version {measured}, which has metrics."
    )


def test_a_measured_model_replaces_one_without_metrics(tastes: Database, trainer: Trainer) -> None:
    with tastes.transaction(writes=False) as session:
        rows = [row._asdict() for row in session.execute(select(*Rating.__table__.columns).where(Rating.user_id > 5))]
    in_transaction(tastes, lambda session: session.execute(delete(Rating).where(Rating.user_id > 5)))
    unmeasured = trainer.carry_out(trainer.start_run())
    in_transaction(tastes, lambda session: session.execute(insert(Rating), rows))

    run_id = trainer.start_run()
    trainer.carry_out(run_id)

    run = get_run(tastes, run_id)
    assert run.is_activated
    assert run.verdict == f"The live version {unmeasured} was trained on too few ratings to be measured."


def test_without_any_rating_the_run_fails_with_the_numbers(trainer: Trainer) -> None:
    run_id = trainer.start_run()

    with pytest.raises(TooFewRatings):
        trainer.carry_out(run_id)

    assert get_run(trainer.database, run_id).error == (
        "A training needs a rating of 4 stars or more, but the 0 ratings contain none. Load more ratings."
    )


@pytest.mark.usefixtures("tastes")
def test_a_full_disk_fails_the_run_and_leaves_the_live_version(trainer: Trainer) -> None:
    live = trainer.carry_out(trainer.start_run())
    artifacts = trainer.store.list_names()
    trainer.store.file_system = FullDisk()
    run_id = trainer.start_run()

    with pytest.raises(OSError, match="No space left"):
        trainer.carry_out(run_id)

    run = get_run(trainer.database, run_id)
    assert (run.status, run.error) == ("failed", "The model could not be stored: No space left on device.")
    assert [(entry.version, entry.is_active) for entry in list_versions(trainer.database)] == [(live, True)]
    assert [path.name for path in Path(trainer.store.root).iterdir()] == artifacts


@pytest.mark.usefixtures("tastes")
def test_a_store_that_is_a_file_fails_the_run(database: Database, settings: Settings, tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    trainer = Trainer(database, ModelStore(str(tmp_path / "file")), settings)
    run_id = trainer.start_run()

    with pytest.raises(FileExistsError):
        trainer.carry_out(run_id)

    run = get_run(database, run_id)
    assert (run.status, run.error) == ("failed", "The model could not be stored: File exists.")
    assert list_versions(database) == []


@pytest.mark.usefixtures("tastes")
def test_another_run_can_start_after_a_failed_one(trainer: Trainer) -> None:
    failed = trainer.start_run()
    trainer.fail(failed, "a reason")

    version = trainer.carry_out(trainer.start_run())

    assert [entry.version for entry in list_versions(trainer.database)] == [version]


@pytest.mark.usefixtures("tastes")
def test_the_model_of_a_run_that_failed_meanwhile_is_discarded(trainer: Trainer) -> None:
    run_id = trainer.start_run()

    def end_run_at_the_end(stage: str, _progress: float) -> None:
        if stage == "storing":
            end_run(trainer.database, run_id)

    with pytest.raises(ConflictError):
        trainer.carry_out(run_id, end_run_at_the_end)

    run = get_run(trainer.database, run_id)
    assert (run.status, run.error) == ("failed", "for a reason")
    assert (list_versions(trainer.database), trainer.store.list_names()) == ([], [])


@for_each(
    ("error", "reason"),
    [
        (KeyboardInterrupt(), "The training was interrupted."),
        (MemoryError(), "The training ran out of memory."),
        (
            OperationalError("SELECT secret", {}, Exception("gone")),
            "The database could not be read or written. The server's log has the details.",
        ),
        (ZeroDivisionError("a bug"), "The training failed unexpectedly. The server's log has the details."),
    ],
)
def test_the_error_of_a_training_is_the_reason_of_its_run(trainer: Trainer, error: BaseException, reason: str) -> None:
    run_id = trainer.start_run()

    def fail(_stage: str, _progress: float) -> None:
        raise error

    with pytest.raises(type(error)):
        trainer.carry_out(run_id, fail)

    assert get_run(trainer.database, run_id).error == reason


def test_a_training_is_needed_after_ratings_were_deleted_changed_or_added(tastes: Database, trainer: Trainer) -> None:
    def is_needed_after(change: Callable[[RatingService], object]) -> bool:
        trainer.carry_out(trainer.start_run())
        in_transaction(tastes, lambda session: change(RatingService(session)))
        return trainer.is_needed()

    with tastes.transaction(writes=False) as session:
        first, second = (RatingService(session).get_rating(rating_id) for rating_id in (1, 2))
    first_again, second_again = (
        RatingCreate(user_id=rating.user_id, movie_id=rating.movie_id, rating=3.0) for rating in (first, second)
    )

    needed = {
        "before the first training": trainer.is_needed(),
        "after nothing": is_needed_after(lambda _ratings: None),
        "after a rating went": is_needed_after(lambda ratings: ratings.delete_rating(first)),
        "after one changed": is_needed_after(lambda ratings: ratings.save_rating(second_again)),
        "after one came": is_needed_after(lambda ratings: ratings.save_rating(first_again)),
    }

    assert [when for when, is_needed in needed.items() if not is_needed] == ["after nothing"]


def test_a_start_ends_a_run_without_heartbeats(database: Database, store: ModelStore, settings: Settings) -> None:
    trainer = Trainer(database, store, settings.model_copy(update={"training_lease_s": 0.3}))
    lost = trainer.start_run()

    started = trainer.start_run()

    assert [get_run(database, run_id).status for run_id in (lost, started)] == ["failed", "running"]


def test_a_start_is_refused_while_a_run_sends_heartbeats(trainer: Trainer) -> None:
    alive = trainer.start_run()

    with (
        Heartbeat(trainer.database, alive, lease_s=0.12),
        pytest.raises(TrainingInProgress, match=f"Training run {alive} is still running"),
    ):
        trainer.start_run()


@pytest.mark.usefixtures("tastes")
def test_a_run_in_the_foreground_sends_heartbeats(trainer: Trainer) -> None:
    stages: list[str] = []

    run_id, version = trainer.run(lambda stage, _progress: stages.append(stage))

    assert (get_run(trainer.database, run_id).version, stages[-1]) == (version, "storing")
