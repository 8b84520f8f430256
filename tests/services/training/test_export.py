import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from server.backend.config import Settings
from server.backend.database import Database
from server.backend.model_store import ModelStore
from server.command_errors import ExportError
from server.models import Base
from server.recommender import artifact
from server.recommender.data import user_order
from server.recommender.data.ratings import Ratings
from server.schemas.ratings import RatingCreate
from server.services.model_versions import ModelVersionDataManager
from server.services.ratings import RatingService
from server.services.training import dataset as dataset_module
from server.services.training.dataset import Dataset, Manifest
from server.services.training.export import export_ratings
from server.services.training.inputs import DatabaseInput, DatasetInput, read_snapshot
from server.services.training.ratings_reader import RatingsReader
from server.services.training.trainer import Trainer
from tests.support import s3
from tests.support.builders import TASTE_MOVIES, TASTE_USERS, in_transaction
from tests.support.tables import for_each

N_RATINGS = 15 * len(TASTE_USERS)


@pytest.fixture
def many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an export be many small pieces in several parts."""
    monkeypatch.setattr(user_order, "PIECE_RATINGS", 40)
    monkeypatch.setattr(dataset_module, "PART_RATINGS", 200)
    monkeypatch.setattr(dataset_module, "ROWS_PER_BATCH", 7)


def export_to(path: Path | str, database: Database) -> Manifest:
    return export_ratings(database, Dataset(str(path)), lambda _stage, _share: None)


def rows_of(ratings: Ratings) -> list[tuple[float, ...]]:
    columns = (ratings.user_ids, ratings.rated_at, ratings.movie_ids, ratings.ratings)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def live_arrays(database: Database, store: ModelStore) -> dict[str, NDArray[np.float32]]:
    with database.transaction(writes=False) as session:
        live = ModelVersionDataManager(session).find_active()
    assert live is not None
    return artifact.load(store.opener(live.artifact)).algorithm.arrays()


@pytest.mark.usefixtures("many_parts")
def test_an_export_has_all_ratings_in_user_order_and_trains_the_same_model(
    tastes: Database, trainer: Trainer, store: ModelStore, settings: Settings, tmp_path: Path
) -> None:
    stages: list[tuple[str, float]] = []
    dataset = Dataset(str(tmp_path / "deep" / "export"))

    manifest = export_ratings(tastes, dataset, lambda stage, share: stages.append((stage, share)))
    trainer.run(lambda *_: None)
    from_export = Trainer(tastes, store, settings, training_input=DatasetInput(dataset))
    is_needed = from_export.is_needed()
    expected = live_arrays(tastes, store)
    from_export.run(lambda *_: None, force_activation=True)

    with tastes.transaction(writes=False) as session:
        ratings, catalogue = RatingsReader(session).read_ratings(), RatingsReader(session).read_catalogue()
    assert rows_of(Ratings.concatenate(list(dataset.read_ratings(manifest.parts)))) == sorted(rows_of(ratings))
    assert (manifest.ratings, manifest.users, manifest.movies) == (N_RATINGS, len(TASTE_USERS), len(TASTE_MOVIES))
    users_of_parts = [range(part.first_user_id, part.last_user_id + 1) for part in manifest.parts]
    assert [user for users in users_of_parts for user in users] == list(TASTE_USERS)
    assert [(part.users, part.ratings) for part in manifest.parts] == [
        (len(users), 15 * len(users)) for users in users_of_parts
    ]
    assert len(users_of_parts) == 3
    assert stages == sorted(stages, key=lambda stage: stage[1])
    assert stages[-1] == ("writing", 1.0)
    for name, array in catalogue.arrays().items():
        assert np.array_equal(getattr(dataset.read_catalogue(manifest), name), array), name
    assert not is_needed
    for name, array in live_arrays(tastes, store).items():
        np.testing.assert_allclose(array, expected[name], atol=1e-4, err_msg=name)


def test_an_export_with_movies_that_the_database_lacks_is_refused(
    tastes: Database, store: ModelStore, settings: Settings, tmp_path: Path
) -> None:
    export_to(tmp_path / "export", tastes)
    lost = TASTE_MOVIES[0]
    with tastes.transaction(writes=True) as session:
        for table in reversed(Base.metadata.sorted_tables):
            if "movie_id" in table.c:
                session.execute(table.delete().where(table.c.movie_id == lost))
    trainer = Trainer(tastes, store, settings, training_input=DatasetInput(Dataset(str(tmp_path / "export"))))

    with pytest.raises(ExportError, match=f"lacks 1 of the export's 30 movies, such as the one with the id {lost}"):
        trainer.run(lambda *_: None, force_activation=True)


def test_an_empty_database_is_exported_and_read(database: Database, tmp_path: Path) -> None:
    manifest = export_to(tmp_path / "export", database)

    with DatasetInput(Dataset(str(tmp_path / "export"))).open() as data:
        assert (data.source.summary.n_ratings, len(data.catalogue)) == (0, 0)
    assert (manifest.parts, manifest.newest_rating) == ((), None)


def rate_all_movies(session: Session) -> None:
    for movie_id in TASTE_MOVIES:
        RatingService(session).save_rating(RatingCreate(user_id=1, movie_id=movie_id, rating=0.5))


def test_a_snapshot_lacks_ratings_that_arrive_while_it_is_read(tastes: Database) -> None:
    def rate_first(chunks: Iterator[Ratings]) -> Iterator[Ratings]:
        in_transaction(tastes, rate_all_movies)
        yield from chunks

    _, _, order = read_snapshot(tastes, rate_first)

    with closing(order):
        pieces = list(order.pieces())
    assert sum(map(len, pieces)) == N_RATINGS
    assert pieces[0].ratings[pieces[0].user_ids == 1].max() > 0.5
    # The user had rated half of the movies.
    assert DatabaseInput(tastes).summarise()[0] == N_RATINGS + len(TASTE_MOVIES) // 2


@for_each("method", ["write", "finish"])
def test_a_failed_export_leaves_nothing(
    tastes: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset_module.DatasetWriter, method, fail)

    with pytest.raises(ExportError, match=r"cannot be written: No space left on device\."):
        export_to(tmp_path / "exports" / "monday", tastes)

    assert list((tmp_path / "exports").iterdir()) == []


def remove_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def change_version(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format_version": 2}))


def truncate_part(folder: Path) -> None:
    part = folder / "ratings" / "part-00000.parquet"
    part.write_bytes(part.read_bytes()[:-100])


def remove_part(folder: Path) -> None:
    (folder / "ratings" / "part-00000.parquet").unlink()


def replace_part(folder: Path) -> None:
    part = folder / "ratings" / "part-00000.parquet"
    pq.write_table(pq.read_table(part).slice(0, 5), part)


def turn_part(folder: Path) -> None:
    part = folder / "ratings" / "part-00000.parquet"
    table = pq.read_table(part)
    pq.write_table(table.take(np.arange(table.num_rows)[::-1]), part)


@for_each(
    ("damage", "reason"),
    [
        (remove_manifest, "is not a complete export: it has no manifest.json"),
        (change_version, "The manifest.json of .* is damaged or of another version"),
        (truncate_part, "cannot be read: "),
        (remove_part, "cannot be read: No such file or directory"),
        (replace_part, "part-00000.parquet of .* has 5 ratings instead of 600"),
        (turn_part, "The ratings are not in the order of users"),
    ],
)
def test_a_damaged_export_is_refused_with_a_reason(
    tastes: Database, tmp_path: Path, damage: Callable[[Path], None], reason: str
) -> None:
    export_to(tmp_path / "export", tastes)
    damage(tmp_path / "export")

    with pytest.raises(ExportError, match=reason), DatasetInput(Dataset(str(tmp_path / "export"))).open():
        pass


def test_a_path_that_is_taken_is_refused_but_not_an_empty_folder(tastes: Database, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    export_to(tmp_path / "export", tastes)
    before = (tmp_path / "export" / "manifest.json").read_bytes()

    with pytest.raises(ExportError, match="exists already"):
        export_to(tmp_path / "export", tastes)

    assert (tmp_path / "export" / "manifest.json").read_bytes() == before


def test_an_export_to_s3_is_read_from_there(tastes: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3.running_server() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        url = f"s3://bucket-{uuid.uuid4().hex}/exports/monday"
        export_to(url, tastes)

        with DatasetInput(Dataset(url)).open() as data, DatabaseInput(tastes).open() as expected:
            assert np.array_equal(data.source.in_memory().rated_at, expected.source.in_memory().rated_at)
        with pytest.raises(ExportError, match="exists already"):
            export_to(url, tastes)
        monkeypatch.setattr(dataset_module.DatasetWriter, "finish", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export_to(f"{url}-failed", tastes)
        assert not Dataset(f"{url}-failed").file_system.exists(f"{url}-failed")
