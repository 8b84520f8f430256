import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import ArtifactError
from server.recommender.algorithms import ALGORITHMS
from server.recommender.artifact import MANIFEST, Manifest, load, read_manifest, save
from server.recommender.model import TrainedModel
from server.recommender.training import train
from tests.recommender.generated import CATALOGUE, history_of, taste_ratings

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


def train_small(algorithm: str) -> TrainedModel:
    return train(taste_ratings(n_users=40), CATALOGUE, algorithm=algorithm, seed=0, on_progress=lambda *_: None)


def saved(model: TrainedModel) -> Files:
    folder = MemoryFolder()
    save(model, folder.open)
    return folder.files


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return train_small("nmf")


@pytest.fixture(scope="module")
def files(model: TrainedModel) -> Files:
    return saved(model)


def with_manifest(files: Files, change: Callable[[Manifest], Manifest]) -> Files:
    """Another manifest, and one that vouches for itself."""
    manifest = change(read_manifest(MemoryFolder(files).open))
    signed = manifest.model_copy(update={"sha256": manifest.digest()})
    return {**files, MANIFEST: signed.model_dump_json().encode()}


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_a_loaded_model_is_the_saved_one(algorithm: str) -> None:
    model = train_small(algorithm)
    history = history_of({4: 5.0, 8: 4.0})

    loaded = load(MemoryFolder(saved(model)).open)

    assert loaded.card == model.card
    assert loaded.calibrator == model.calibrator
    assert loaded.algorithm.config == model.algorithm.config
    assert {name: (array.dtype, array.tolist()) for name, array in loaded.algorithm.arrays().items()} == {
        name: (array.dtype, array.tolist()) for name, array in model.algorithm.arrays().items()
    }
    one, other = (each.recommend(history, n=20, exclude_seen=True) for each in (model, loaded))
    assert one.movie_ids.tolist() == other.movie_ids.tolist()
    assert one.probabilities.tolist() == other.probabilities.tolist()


def test_an_artifact_is_an_array_a_file_and_a_manifest_written_last(model: TrainedModel) -> None:
    folder = MemoryFolder()

    manifest = save(model, folder.open)

    assert list(folder.files) == [
        "movie_ids.npy",
        "gram.npy",
        "item_factors.npy",
        "like_shares.npy",
        "manifest.json",
    ]
    assert {name: (array.dtype, array.shape) for name, array in manifest.arrays.items()} == {
        "movie_ids": ("<i8", (160,)),
        "gram": ("<f8", (20, 20)),
        "item_factors": ("<f4", (160, 20)),
        "like_shares": ("<f8", (160,)),
    }
    assert read_manifest(folder.open) == manifest
    assert np.load(io.BytesIO(folder.files["movie_ids.npy"])).tolist() == CATALOGUE.tolist()


@pytest.mark.parametrize("name", ["manifest.json", "movie_ids.npy", "gram.npy", "item_factors.npy", "like_shares.npy"])
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
    except ArtifactError:
        return

    # JSON has blanks, and two ways to write the exponent of a number.
    assert name == MANIFEST
    assert read_manifest(folder.open) == read_manifest(MemoryFolder(files).open)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"format": 1, "anything": "else"}', "The artifact has format 1, this release reads 2. Train"),
        (b'{"format": 2}', "manifest.json is damaged"),
        (b'{"name": "another program"}', "manifest.json is damaged"),
        (b"PK\x03\x04", "manifest.json is damaged"),
        (b"[]", "manifest.json is damaged"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(files: Files, content: bytes, complaint: str) -> None:
    with pytest.raises(ArtifactError, match=complaint):
        load(MemoryFolder({**files, MANIFEST: content}).open)


@pytest.mark.parametrize("change", [{"algorithm": "oracle"}, {"parameters": {"depth": 3}}])
def test_an_algorithm_that_this_release_does_not_have_is_refused(files: Files, change: dict[str, object]) -> None:
    foreign = with_manifest(
        files, lambda manifest: manifest.model_copy(update={"card": manifest.card.model_copy(update=change)})
    )

    with pytest.raises(ArtifactError, match=r"This release has no '(oracle|nmf)' with parameters"):
        load(MemoryFolder(foreign).open)


def test_other_arrays_than_the_algorithms_are_refused_before_they_are_opened(files: Files) -> None:
    foreign = with_manifest(
        files,
        lambda manifest: manifest.model_copy(
            update={"arrays": {**manifest.arrays, "../secret": manifest.arrays["gram"]}}
        ),
    )

    with pytest.raises(ArtifactError, match="does not hold the arrays of 'nmf'"):
        load(MemoryFolder(foreign).open)
