"""A trained model as files: a ``.npy`` file for each array and a manifest with their digests. No pickle."""

import hashlib
import io
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from server.backend.model_store import CachedFile
from server.errors import ArtifactError, InvalidInputError
from server.recommender.algorithms.base import Algorithm, AlgorithmConfig, Array
from server.recommender.algorithms.registry import get_algorithm
from server.recommender.calibration import UserCalibrators
from server.recommender.data.catalogue import Catalogue
from server.recommender.data.checks import check_array
from server.recommender.data.ratings import History
from server.recommender.data.record import Record
from server.recommender.evaluation.card import ModelCard
from server.recommender.model import HoldoutModel, TrainedModel

FORMAT = 10
"""Raised when this release cannot read the artifacts of the previous one, or the other way round."""

MANIFEST = "manifest.json"

HOLDOUT_PREFIX = "trial_"
"""The prefix of the array names of the holdout model."""

MAX_HEADER_BYTES = 1 << 12
"""The longest header of a ``.npy`` file."""

MAX_MANIFEST_BYTES = 1 << 24
"""The longest manifest."""

LIBRARIES = ("numpy", "scipy", "scikit-learn")

ArtifactOpener = Callable[[str, Literal["rb", "wb"]], AbstractContextManager[BinaryIO]]
"""A function that opens one file of an artifact by its name; raises `OSError`."""


class ArrayRecord(Record):
    """An array of the artifact, stored in the ``.npy`` file of its name."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str = Field(description="Digest of the whole file.")


class Manifest(Record):
    """The contents of an artifact. It is written last: an artifact with a manifest is complete."""

    format: Literal[10]
    created_at: datetime
    libraries: dict[str, str] = Field(description="Versions of the libraries of the training.")
    card: ModelCard
    calibrators: UserCalibrators
    arrays: dict[str, ArrayRecord]
    sha256: str = Field(default="", description="Digest of everything else in the manifest.")

    def digest(self) -> str:
        """Return the expected ``sha256``."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode()).hexdigest()


class _AnyManifest(BaseModel):
    """The field that the manifests of all releases share."""

    format: int


class _DigestingWriter:
    """Writes to a file and computes the digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, chunk: bytes) -> int:
        self.sha256.update(chunk)
        return self._file.write(chunk)


def save(model: TrainedModel, holdout: HoldoutModel, open_file: ArtifactOpener) -> Manifest:
    """Write a model and its holdout model, array by array and then the manifest, without a second copy in memory."""
    arrays = model.catalogue.arrays() | model.algorithm.arrays()
    arrays |= {HOLDOUT_PREFIX + name: array for name, array in holdout.algorithm.arrays().items()}
    manifest = Manifest(
        format=FORMAT,
        created_at=datetime.now(UTC),
        libraries={library: version(library) for library in LIBRARIES},
        card=model.card,
        calibrators=model.calibrators,
        arrays={name: _save_array(name, array, open_file) for name, array in arrays.items()},
    )
    manifest = manifest.model_copy(update={"sha256": manifest.digest()})
    with open_file(MANIFEST, "wb") as file:
        file.write(manifest.model_dump_json(indent=2).encode())
    return manifest


def load(open_file: ArtifactOpener) -> TrainedModel:
    """Read a model, without its holdout model.

    Raise `ArtifactError` if a file is missing or damaged, or if another release wrote it in another format.
    """
    manifest = read_manifest(open_file)
    with _refusing_forgeries():
        catalogue = Catalogue(**_load_arrays(manifest, Catalogue.array_names(), open_file))
        catalogue.check()
        algorithm = _load_algorithm(manifest, "", open_file, n_items=len(catalogue))
        model = TrainedModel(manifest.card, manifest.calibrators, catalogue, algorithm)
        _try_out(model)
    return model


def load_holdout(open_file: ArtifactOpener) -> HoldoutModel:
    """Read the holdout model of an artifact. Raise `ArtifactError` as ``load`` does."""
    manifest = read_manifest(open_file)
    with _refusing_forgeries():
        movie_ids = _load_arrays(manifest, ["movie_ids"], open_file)["movie_ids"]
        Catalogue.of_ids(movie_ids).check()
        algorithm = _load_algorithm(manifest, HOLDOUT_PREFIX, open_file, n_items=movie_ids.size)
    return HoldoutModel(manifest.card, movie_ids, algorithm)


def read_manifest(open_file: ArtifactOpener) -> Manifest:
    """Read the manifest of an artifact. Raise `ArtifactError` as ``load`` does."""
    with _reading(MANIFEST, open_file) as file:
        text = file.read(MAX_MANIFEST_BYTES)
    try:
        found = _AnyManifest.model_validate_json(text).format
        if found != FORMAT:
            raise ArtifactError(
                f"The artifact has format {found}, but this release reads format {FORMAT}. Train a new model."
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
            f"This release does not support {card.algorithm!r} with parameters {card.parameters}. Train a new model."
        ) from error


def _load_algorithm(manifest: Manifest, prefix: str, open_file: ArtifactOpener, *, n_items: int) -> Algorithm[Any]:
    algorithm, config = _find_algorithm(manifest.card)
    arrays = _load_arrays(manifest, (prefix + name for name in algorithm.array_names()), open_file)
    fitted = algorithm.from_arrays(config, {name.removeprefix(prefix): array for name, array in arrays.items()})
    fitted.check(n_items)
    return fitted


def _try_out(model: TrainedModel) -> None:
    """Make one list. Raise `ValueError` if its probabilities are not between 0 and 1."""
    first = model.movie_ids[:1]
    history = History(first, np.full(first.size, 5, np.float32), np.zeros(first.size, np.int64))
    probabilities = model.recommend(history, n=1, exclude_seen=False).probabilities
    check_array(probabilities, (probabilities.size,), lowest=0, highest=1)


@contextmanager
def _refusing_forgeries() -> Iterator[None]:
    """Raise `ArtifactError` for arrays and parameters that do not fit together.

    The digests of such an artifact may be right, so it can fail in every way that arbitrary input can.
    """
    try:
        yield
    except ArtifactError:
        raise
    except Exception as error:
        raise ArtifactError(f"The artifact is inconsistent: {error}. Train a new model.") from error


def _load_arrays(manifest: Manifest, names: Iterable[str], open_file: ArtifactOpener) -> dict[str, Array]:
    try:
        return {name: _load_array(name, manifest.arrays[name], open_file) for name in names}
    except KeyError as error:
        raise ArtifactError(f"The artifact lacks the array {error}. Train a new model.") from None


def _save_array(name: str, array: Array, open_file: ArtifactOpener) -> ArrayRecord:
    with open_file(f"{name}.npy", "wb") as file:
        writer = _DigestingWriter(file)
        np.lib.format.write_array(writer, array, allow_pickle=False)
    return ArrayRecord(dtype=array.dtype.str, shape=array.shape, sha256=writer.sha256.hexdigest())


def _load_array(name: str, record: ArrayRecord, open_file: ArtifactOpener) -> Array:
    """Read an array into memory once. Size and digest are checked before NumPy parses the header."""
    n_bytes = np.dtype(record.dtype).itemsize * math.prod(record.shape)
    with _reading(f"{name}.npy", open_file) as file:
        size = file.seek(0, os.SEEK_END)
        if not n_bytes < size <= n_bytes + MAX_HEADER_BYTES:
            raise _damaged(f"{name}.npy")
        n_read, content = _read_content(file, size)
    if n_read != content.size or hashlib.sha256(content.data).hexdigest() != record.sha256:
        raise _damaged(f"{name}.npy")
    header = io.BytesIO(content[:MAX_HEADER_BYTES].tobytes())
    np.lib.format.read_magic(header)
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(header)
    if (dtype.str, shape) != (record.dtype, record.shape):
        raise ValueError(f"the array {name} is {dtype.str}{shape}, not {record.dtype}{record.shape}")
    array: Array = content[header.tell() :].view(dtype).reshape(shape, order="F" if is_fortran else "C")
    return array


def _read_content(file: BinaryIO, size: int) -> tuple[int, NDArray[np.uint8]]:
    """Return the number of bytes read and the bytes. A file of the local cache is mapped, so processes share it."""
    if isinstance(file, CachedFile):
        return size, np.memmap(file, np.uint8, "r")
    content = np.empty(size, np.uint8)
    file.seek(0)
    return file.readinto(content.data), content  # type: ignore[attr-defined]  # all files in binary mode have it


@contextmanager
def _reading(name: str, open_file: ArtifactOpener) -> Iterator[BinaryIO]:
    try:
        with open_file(name, "rb") as file:
            yield file
    except OSError as error:
        raise ArtifactError(
            f"The artifact's file {name} cannot be read: {error.strerror or 'it is missing'}."
        ) from error


def _damaged(name: str) -> ArtifactError:
    return ArtifactError(f"The artifact's file {name} is damaged: its digest does not match. Train a new model.")
