"""Random damages and forgeries of artifacts: each is refused, or has no effect on recommendations."""

import functools
import hashlib
import io
import json
import random
from collections.abc import Callable

import numpy as np
import pytest

from server.errors import ArtifactError
from server.recommender.algorithms.base import Array
from server.recommender.algorithms.registry import ALGORITHMS
from server.recommender.artifact import MANIFEST, load, load_holdout, read_manifest
from tests.recommender.test_artifact import Files, MemoryFolder, saved, train_small
from tests.support.generated_tastes import history_of
from tests.support.tables import for_each

HISTORY = history_of({4: 5.0, 8: 4.0, 5: 1.0})


every_algorithm = for_each("algorithm", sorted(ALGORITHMS))


@functools.cache
def files_of(algorithm: str) -> Files:
    """Return the files of an artifact."""
    return saved(train_small(algorithm))


def use(files: Files) -> None:
    """Load an artifact and ask for everything that requests ask for."""
    model = load(MemoryFolder(files).open)
    for history in (HISTORY, history_of({})):
        recommended = model.recommend(history, n=20, exclude_seen=True)
        assert ((recommended.probabilities > 0) & (recommended.probabilities < 1)).all()
        model.explain(history, recommended.movie_ids)
    for movie_id in model.movie_ids[:5]:
        model.similar(int(movie_id), 10)


def damaged(files: Files, generator: random.Random) -> Files:
    """Flip bits of a file, cut it short, extend, empty or remove it, or replace it by another one."""
    name, other = generator.sample(sorted(files), 2)
    content = bytearray(files[name])
    for _ in range(generator.randint(1, 3)):
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    variants: list[dict[str, bytes]] = [
        {name: bytes(content)},
        {name: files[name][: generator.randrange(len(content))]},
        {name: files[name] + generator.randbytes(generator.randint(1, 5000))},
        {name: b""},
        {name: files[other]},
    ]
    changed = files | generator.choice(variants)
    if generator.random() < 0.1:
        del changed[name]
    return changed


def signed(files: Files, name: str, array: Array, *, records_array: bool) -> Files:
    """Replace an array, with the right digests in the manifest, and its dtype and shape if wanted."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    manifest = read_manifest(MemoryFolder(files).open)
    sha256 = hashlib.sha256(file.getvalue()).hexdigest()
    update: dict[str, object] = {"sha256": sha256}
    if records_array:
        update |= {"dtype": array.dtype.str, "shape": array.shape}
    record = manifest.arrays[name].model_copy(update=update)
    forged = manifest.model_copy(update={"arrays": {**manifest.arrays, name: record}})
    forged = forged.model_copy(update={"sha256": forged.digest()})
    return {**files, f"{name}.npy": file.getvalue(), MANIFEST: forged.model_dump_json().encode()}


def forge(array: Array, generator: random.Random) -> Array:
    """Return an array of another dtype, shape or order, or with other values."""
    changes: list[Callable[[Array], Array]] = [
        lambda array: array[: array.shape[0] // 2],
        lambda array: array[:0],
        lambda array: array.reshape(-1, 1),
        lambda array: np.concatenate((array, array)),
        lambda array: array[::-1].copy(),
        lambda array: array.astype(np.str_),
        np.zeros_like,
        lambda array: array if array.dtype.kind in "Ub" else array * -1,
        lambda array: array if array.dtype.kind == "U" else array.astype(np.float64) * np.nan,
        lambda array: array if array.dtype.kind == "U" else array.astype(np.float64) + 0.5,
        lambda array: array if array.dtype.kind in "Ub" else array + np.array(10**4).astype(array.dtype),
        lambda _: np.array(7),
    ]
    return generator.choice(changes)(array)


@every_algorithm
def test_no_random_damage_is_unnoticed(algorithm: str, artifact_damages: int) -> None:
    files = files_of(algorithm)
    generator = random.Random(0)  # noqa: S311 (reproducible damages)
    refused = 0
    for _ in range(artifact_damages):
        changed = damaged(files, generator)
        try:
            use(changed)
            load_holdout(MemoryFolder(changed).open)
        except ArtifactError:
            refused += 1
        else:
            assert json.loads(changed[MANIFEST]) == json.loads(files[MANIFEST])
            assert {name: changed[name] for name in files if name != MANIFEST} == {
                name: content for name, content in files.items() if name != MANIFEST
            }

    assert refused > 0.9 * artifact_damages


@every_algorithm
def test_a_forged_array_is_refused_or_harmless(algorithm: str, artifact_damages: int) -> None:
    files = files_of(algorithm)
    generator = random.Random(1)  # noqa: S311 (reproducible forgeries)
    arrays = read_manifest(MemoryFolder(files).open).arrays
    refused = 0
    for _ in range(artifact_damages):
        name = generator.choice(sorted(arrays))
        array = np.load(io.BytesIO(files[f"{name}.npy"]))
        forged = signed(files, name, forge(array, generator), records_array=generator.random() < 0.8)
        try:
            use(forged)
            load_holdout(MemoryFolder(forged).open)
        except ArtifactError:
            refused += 1

    assert refused > artifact_damages / 2


@every_algorithm
def test_a_manifest_that_promises_another_array_is_refused(algorithm: str) -> None:
    files = files_of(algorithm)
    array = np.load(io.BytesIO(files["popularity.npy"]))

    with pytest.raises(ArtifactError, match="inconsistent: the array popularity is <i8"):
        load(MemoryFolder(signed(files, "popularity", array.astype(np.int64), records_array=False)).open)


@every_algorithm
def test_an_array_larger_than_promised_is_refused_unread(algorithm: str) -> None:
    files = files_of(algorithm)
    changed = files | {"popularity.npy": bytes(1 << 20)}

    with pytest.raises(ArtifactError, match=r"popularity\.npy is damaged"):
        load(MemoryFolder(changed).open)
