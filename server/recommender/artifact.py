"""A trained model as files: a ``.npy`` for each array, and a manifest that vouches for them. No pickle."""

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, BinaryIO, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from server.errors import ArtifactError, InvalidInputError
from server.recommender.algorithms.base import Algorithm, AlgorithmConfig, Array, Record
from server.recommender.algorithms.registry import get_algorithm
from server.recommender.calibration import Calibrator
from server.recommender.data.catalogue import Catalogue
from server.recommender.model import ModelCard, TrainedModel, Trial

FORMAT = 5
"""Goes up when this release can no longer read what the one before it wrote, or the other way round."""

MANIFEST = "manifest.json"

TRIAL = "trial_"
"""The names of a trial's arrays begin so."""

LONGEST_HEADER = 1 << 12
"""Bytes before the numbers of a ``.npy`` file, at most."""

LIBRARIES = ("numpy", "scipy", "scikit-learn")

OpenFile = Callable[[str, Literal["rb", "wb"]], AbstractContextManager[BinaryIO]]
"""Opens one file of an artifact by its name; raises OSError where it cannot."""


class ArrayRecord(Record):
    """An array of the artifact, in the ``.npy`` file of its name."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str = Field(description="Digest of the whole file.")


class Manifest(Record):
    """What an artifact holds. It is written last: an artifact that has a manifest is complete."""

    format: Literal[5]
    created_at: datetime
    libraries: dict[str, str] = Field(description="Versions of the libraries that made it.")
    card: ModelCard
    calibrator: Calibrator
    arrays: dict[str, ArrayRecord]
    sha256: str = Field(default="", description="Digest of everything else in the manifest.")

    def digest(self) -> str:
        """Return what ``sha256`` must be."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode()).hexdigest()


class _AnyManifest(BaseModel):
    """What the manifests of all releases have in common."""

    format: int


class _DigestingWriter:
    """Writes to a file and digests what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, chunk: bytes) -> int:
        self.sha256.update(chunk)
        return self._file.write(chunk)


def save(model: TrainedModel, trial: Trial, open_file: OpenFile) -> Manifest:
    """Write a model and its trial, array by array and then the manifest, without a second copy in memory."""
    arrays = model.catalogue.arrays() | model.algorithm.arrays()
    arrays |= {TRIAL + name: array for name, array in trial.algorithm.arrays().items()}
    manifest = Manifest(
        format=FORMAT,
        created_at=datetime.now(UTC),
        libraries={library: version(library) for library in LIBRARIES},
        card=model.card,
        calibrator=model.calibrator,
        arrays={name: _save_array(name, array, open_file) for name, array in arrays.items()},
    )
    manifest = manifest.model_copy(update={"sha256": manifest.digest()})
    with open_file(MANIFEST, "wb") as file:
        file.write(manifest.model_dump_json(indent=2).encode())
    return manifest


def load(open_file: OpenFile) -> TrainedModel:
    """Read a model, without its trial.

    Raises ArtifactError if a file is missing or damaged, or of a release that this one does not understand.
    """
    manifest = read_manifest(open_file)
    catalogue = Catalogue(**_load_arrays(manifest, (field.name for field in fields(Catalogue)), open_file))
    return TrainedModel(manifest.card, manifest.calibrator, catalogue, _load_algorithm(manifest, "", open_file))


def load_trial(open_file: OpenFile) -> Trial:
    """Read a model's trial, without the model; raises ArtifactError as ``load`` does."""
    manifest = read_manifest(open_file)
    movie_ids = _load_arrays(manifest, ["movie_ids"], open_file)["movie_ids"]
    return Trial(manifest.card, movie_ids, _load_algorithm(manifest, TRIAL, open_file))


def read_manifest(open_file: OpenFile) -> Manifest:
    """Read what an artifact holds, without its arrays; raises ArtifactError as ``load`` does."""
    with _reading(MANIFEST, open_file) as file:
        text = file.read()
    try:
        found = _AnyManifest.model_validate_json(text).format
        if found != FORMAT:
            raise ArtifactError(
                f"The artifact has format {found}, this release reads {FORMAT}. Train a new model, or use its release."
            )
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise _damaged(MANIFEST) from error
    if manifest.sha256 != manifest.digest():
        raise _damaged(MANIFEST)
    return manifest


def _find_algorithm(card: ModelCard) -> tuple[type[Algorithm[Any]], AlgorithmConfig]:
    try:
        algorithm = get_algorithm(card.algorithm)
        return algorithm, algorithm.config_class(**card.parameters)
    except (InvalidInputError, ValidationError) as error:
        raise ArtifactError(
            f"This release has no {card.algorithm!r} with parameters {card.parameters}. Train a new model."
        ) from error


def _load_algorithm(manifest: Manifest, prefix: str, open_file: OpenFile) -> Algorithm[Any]:
    algorithm, config = _find_algorithm(manifest.card)
    arrays = _load_arrays(manifest, (prefix + name for name in algorithm.array_names()), open_file)
    return algorithm.from_arrays(config, {name.removeprefix(prefix): array for name, array in arrays.items()})


def _load_arrays(manifest: Manifest, names: Iterable[str], open_file: OpenFile) -> dict[str, Array]:
    try:
        return {name: _load_array(name, manifest.arrays[name], open_file) for name in names}
    except KeyError as error:
        raise ArtifactError(f"The artifact does not hold the array {error}. Train a new model.") from None


def _save_array(name: str, array: Array, open_file: OpenFile) -> ArrayRecord:
    with open_file(f"{name}.npy", "wb") as file:
        writer = _DigestingWriter(file)
        np.lib.format.write_array(writer, array, allow_pickle=False)
    return ArrayRecord(dtype=array.dtype.str, shape=array.shape, sha256=writer.sha256.hexdigest())


def _load_array(name: str, record: ArrayRecord, open_file: OpenFile) -> Array:
    """Read an array into memory once. NumPy must not see the header of a file before it is known to be ours."""
    with _reading(f"{name}.npy", open_file) as file:
        content = np.empty(file.seek(0, os.SEEK_END), np.uint8)
        file.seek(0)
        n_read = file.readinto(content.data)  # type: ignore[attr-defined]  # all files in binary mode have it
    if n_read != content.size or hashlib.sha256(content.data).hexdigest() != record.sha256:
        raise _damaged(f"{name}.npy")
    header = io.BytesIO(content[:LONGEST_HEADER].tobytes())
    np.lib.format.read_magic(header)
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(header)
    array: Array = content[header.tell() :].view(dtype).reshape(shape, order="F" if is_fortran else "C")
    return array


@contextmanager
def _reading(name: str, open_file: OpenFile) -> Iterator[BinaryIO]:
    try:
        with open_file(name, "rb") as file:
            yield file
    except OSError as error:
        raise ArtifactError(
            f"The artifact's file {name} cannot be read: {error.strerror or 'it is missing'}."
        ) from error


def _damaged(name: str) -> ArtifactError:
    return ArtifactError(f"The artifact's file {name} is damaged: it is not as it was written. Train a new model.")
