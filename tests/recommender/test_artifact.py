import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import ArtifactError
from server.recommender.algorithms.base import Array
from server.recommender.algorithms.registry import ALGORITHMS
from server.recommender.artifact import MANIFEST, Manifest, load, load_holdout, read_manifest, save
from server.recommender.model import TrainedModel
from server.recommender.training import Training
from tests.support.generated_tastes import CATALOGUE, history_of, taste_ratings, train_on
from tests.support.tables import for_each

Files = dict[str, bytes]


class MemoryFolder:
    """A folder that holds its files in a dictionary."""

    def __init__(self, files: Files | None = None) -> None:
        self.files: Files = dict(files or {})

    @contextmanager
    def open(self, name: str, mode: Literal["rb", "wb"]) -> Iterator[BinaryIO]:
        if mode == "rb" and name not in self.files:
            raise FileNotFoundError(name)
        with io.BytesIO(self.files[name] if mode == "rb" else b"") as file:
            yield file
            if mode == "wb":
                self.files[name] = file.getvalue()


def train_small(algorithm: str) -> Training:
    return train_on(taste_ratings(n_users=40), algorithm=algorithm)


def saved(training: Training) -> Files:
    folder = MemoryFolder()
    save(training.model, training.holdout, folder.open)
    return folder.files


def as_lists(arrays: Mapping[str, Array]) -> dict[str, tuple[np.dtype[Any], list[Any]]]:
    return {name: (array.dtype, array.tolist()) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def training() -> Training:
    return train_small("nmf")


@pytest.fixture(scope="module")
def model(training: Training) -> TrainedModel:
    return training.model


@pytest.fixture(scope="module")
def files(training: Training) -> Files:
    return saved(training)


def with_manifest(files: Files, change: Callable[[Manifest], Manifest]) -> Files:
    """Another manifest, and one that vouches for itself."""
    manifest = change(read_manifest(MemoryFolder(files).open))
    signed = manifest.model_copy(update={"sha256": manifest.digest()})
    return {**files, MANIFEST: signed.model_dump_json().encode()}


@for_each("algorithm", sorted(ALGORITHMS))
def test_a_loaded_model_is_the_saved_one(algorithm: str) -> None:
    training = train_small(algorithm)
    model, history = training.model, history_of({4: 5.0, 8: 4.0})

    loaded = load(MemoryFolder(saved(training)).open)

    assert loaded.card == model.card
    assert loaded.calibrators == model.calibrators
    assert loaded.algorithm.config == model.algorithm.config
    assert as_lists(loaded.algorithm.arrays()) == as_lists(model.algorithm.arrays())
    assert as_lists(loaded.catalogue.arrays()) == as_lists(model.catalogue.arrays())
    one, other = (each.recommend(history, n=20, exclude_seen=True) for each in (model, loaded))
    assert one.movie_ids.tolist() == other.movie_ids.tolist()
    assert one.probabilities.tolist() == other.probabilities.tolist()


@for_each("algorithm", sorted(ALGORITHMS))
def test_a_loaded_holdout_model_is_the_saved_one(algorithm: str) -> None:
    training = train_small(algorithm)

    loaded = load_holdout(MemoryFolder(saved(training)).open)

    assert loaded.card == training.model.card
    assert loaded.movie_ids.tolist() == CATALOGUE.tolist()
    assert as_lists(loaded.algorithm.arrays()) == as_lists(training.holdout.algorithm.arrays())


def test_an_artifact_is_an_array_a_file_and_a_manifest_written_last(training: Training) -> None:
    folder = MemoryFolder()

    manifest = save(training.model, training.holdout, folder.open)

    assert list(folder.files) == [
        "movie_ids.npy",
        "years.npy",
        "genres.npy",
        "genre_names.npy",
        "gram.npy",
        "item_factors.npy",
        "popularity.npy",
        "trial_gram.npy",
        "trial_item_factors.npy",
        "trial_popularity.npy",
        "manifest.json",
    ]
    assert {name: (array.dtype, array.shape) for name, array in manifest.arrays.items()} == {
        "movie_ids": ("<i8", (160,)),
        "years": ("<i2", (160,)),
        "genres": ("|b1", (160, 4)),
        "genre_names": ("<U6", (4,)),
        "gram": ("<f8", (20, 20)),
        "item_factors": ("<f4", (160, 20)),
        "popularity": ("<f8", (160,)),
        "trial_gram": ("<f8", (20, 20)),
        "trial_item_factors": ("<f4", (160, 20)),
        "trial_popularity": ("<f8", (160,)),
    }
    assert read_manifest(folder.open) == manifest
    assert np.load(io.BytesIO(folder.files["movie_ids.npy"])).tolist() == CATALOGUE.tolist()


@for_each("name", ["manifest.json", "movie_ids.npy", "gram.npy", "item_factors.npy", "popularity.npy"])
def test_a_missing_or_truncated_file_is_named(files: Files, name: str) -> None:
    missing = {other: content for other, content in files.items() if other != name}

    for damaged, complaint in (
        (missing, f"{name} cannot be read"),
        ({**files, name: files[name][:-1]}, f"{name} is damaged"),
        ({**files, name: b""}, f"{name} is damaged"),
    ):
        with pytest.raises(ArtifactError, match=complaint):
            load(MemoryFolder(damaged).open)


@settings(deadline=None)
@given(choice=st.data(), mask=st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_means_the_same(files: Files, choice: st.DataObject, mask: int) -> None:
    name = choice.draw(st.sampled_from(sorted(files)))
    position = choice.draw(st.integers(0, len(files[name]) - 1))
    content = bytearray(files[name])
    content[position] ^= mask
    folder = MemoryFolder({**files, name: bytes(content)})

    try:
        load(folder.open)
        load_holdout(folder.open)
    except ArtifactError:
        return

    # JSON has blanks, and two ways to write the exponent of a number.
    assert name == MANIFEST
    assert read_manifest(folder.open) == read_manifest(MemoryFolder(files).open)


@for_each(
    ("content", "complaint"),
    [
        (b'{"format": 1, "anything": "else"}', "The artifact has format 1, but this release reads format 10. Train"),
        (b'{"format": 10}', "manifest.json is damaged"),
        (b'{"name": "another program"}', "manifest.json is damaged"),
        (b"PK\x03\x04", "manifest.json is damaged"),
        (b"[]", "manifest.json is damaged"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(files: Files, content: bytes, complaint: str) -> None:
    with pytest.raises(ArtifactError, match=complaint):
        load(MemoryFolder({**files, MANIFEST: content}).open)


@for_each("change", [{"algorithm": "oracle"}, {"parameters": {"depth": 3}}])
def test_an_algorithm_that_this_release_does_not_have_is_refused(files: Files, change: dict[str, object]) -> None:
    foreign = with_manifest(
        files, lambda manifest: manifest.model_copy(update={"card": manifest.card.model_copy(update=change)})
    )

    with pytest.raises(ArtifactError, match=r"This release does not support '(oracle|nmf)' with parameters"):
        load(MemoryFolder(foreign).open)


def test_only_the_arrays_that_a_model_needs_are_opened(files: Files) -> None:
    foreign = with_manifest(
        files,
        lambda manifest: manifest.model_copy(
            update={"arrays": {**manifest.arrays, "../secret": manifest.arrays["gram"]}}
        ),
    )
    folder = MemoryFolder(foreign)

    assert load(folder.open).card == read_manifest(folder.open).card


def test_an_array_that_the_manifest_does_not_vouch_for_is_missing(files: Files) -> None:
    without = with_manifest(
        files,
        lambda manifest: manifest.model_copy(
            update={"arrays": {name: record for name, record in manifest.arrays.items() if name != "gram"}}
        ),
    )

    with pytest.raises(ArtifactError, match="lacks the array 'gram'"):
        load(MemoryFolder(without).open)
