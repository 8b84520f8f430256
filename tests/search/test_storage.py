"""The index is serialized and read again."""

import hashlib
import random
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from server.search import storage
from server.search.index import build_index, read_documents
from server.search.popularity import Popularity
from server.search.sealed import DIGEST_SIZE, Array, seal, unseal
from tests.search.conftest import FILMS
from tests.support.tables import for_each

QUERIES = ["matrix", "the lord", "thriler 1995", "monty pythons the meaning", "comedy 80s", "12 monkeys", "l'avventura"]

FINGERPRINT = 3230492623
"""Checksum of the stored arrays of FILMS in layout 3."""


def test_a_loaded_index_finds_the_same() -> None:
    index = build_index(FILMS)

    again = storage.unpack(storage.pack(index)).with_popularity(
        popularity_of({film.movie_id: film.popularity for film in FILMS})
    )

    for query in QUERIES:
        assert again.search(query).movie_ids.tolist() == index.search(query).movie_ids.tolist()


def test_contents_are_stored_like_the_index_that_is_laid_out_from_them() -> None:
    assert storage.pack_contents(read_documents(FILMS)) == storage.pack(build_index(FILMS))


def test_a_loaded_index_takes_the_given_popularity() -> None:
    stored = storage.unpack(storage.pack(build_index(FILMS)))

    assert stored.with_popularity(popularity_of({1200: 1, 1214: 0})).search("alie").movie_ids.tolist() == [1200, 1214]
    assert stored.with_popularity(popularity_of({1200: 0, 1214: 1})).search("alie").movie_ids.tolist() == [1214, 1200]


def test_a_snapshot_of_the_popularity_can_be_stored() -> None:
    popularity = popularity_of({5: 7, 6: 0, 2**53: 300})

    again = Popularity.unpack(popularity.pack())

    assert again.movie_ids.tolist() == [5, 6, 2**53]
    assert again.look_up(np.array([1, 5, 2**53])).tolist() == [0, 7, 300]


@for_each(
    "arrays",
    [
        {"movie_ids": np.array([1, 2])},
        {"movie_ids": np.array([1, 2]), "ratings": np.array([1])},
        {"movie_ids": np.array([2, 1]), "ratings": np.array([1, 1])},
        {"movie_ids": np.array([1, 2]), "ratings": np.array([1, -1])},
        {"movie_ids": np.array([1, 2]), "ratings": np.array([1.0, 1.0])},
    ],
)
def test_a_snapshot_whose_arrays_do_not_fit_each_other_is_refused(arrays: dict[str, Array]) -> None:
    with pytest.raises(ValueError, match=r"snapshot|popularity"):
        Popularity.unpack(seal(arrays))


def test_an_empty_index_can_be_stored() -> None:
    assert len(storage.unpack(storage.pack(build_index([])))) == 0


@for_each("content", [b"", b"PK", b"no index", storage.pack(build_index(FILMS))[:-40]])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"damaged"):
        storage.unpack(content)


def popularity_of(ratings: dict[int, int]) -> Popularity:
    return Popularity(np.array(list(ratings)), np.array(list(ratings.values())))


def damaged(content: bytes, generator: random.Random) -> bytes:
    """Return the content with one random damage: bytes changed, removed, inserted, repeated, or cut off."""
    start = generator.randrange(len(content))
    stop = min(len(content), start + generator.choice([1, 1, 2, 16, 500]))
    replacement = generator.choice([
        generator.randbytes(stop - start),
        bytes([content[start] ^ 1 << generator.randrange(8)]) + content[start + 1 : stop],
        b"\x00" * (stop - start),
        b"",
        content[start:stop] * 2,
    ])
    return content[:start] + replacement + generator.choice([content[stop:], content[stop:], b""])


def test_no_damage_is_unnoticed(index_damages: int) -> None:
    content = storage.pack(build_index(FILMS))
    generator = random.Random(0)  # noqa: S311 (reproducible damages)

    for _ in range(index_damages):
        other = damaged(content, generator)
        if other != content:
            with pytest.raises(ValueError, match=r"damaged"):
                storage.unpack(other)


def test_no_damage_of_the_arrays_ends_in_another_error(index_damages: int) -> None:
    content = storage.pack(build_index(FILMS))[DIGEST_SIZE:]
    generator = random.Random(1)  # noqa: S311 (reproducible damages)

    for _ in range(index_damages):
        arrays = damaged(content, generator)
        try:
            # The digest is forged.
            index = storage.unpack(hashlib.sha256(arrays).digest() + arrays)
        except ValueError:
            continue
        # An index that passes all checks must be searchable.
        for query in QUERIES:
            assert set(index.search(query).movie_ids.tolist()) <= set(index.movie_ids.tolist())


@for_each(
    ("name", "forged"),
    [
        ("movie_ids", lambda array: array[::-1]),
        ("movie_ids", lambda array: array[:-1]),
        ("movie_ids", lambda array: array.astype(np.float64)),
        ("word", lambda array: array + 1000),
        ("word", lambda array: array.astype(np.int64)),
        ("word", lambda array: np.where(array == -1, 0, array)),
        ("movie", lambda array: array[::-1]),
        ("field", lambda array: array + np.int8(4)),
        ("field", lambda array: array[:-1]),
        ("is_beginning", lambda array: array[:-1]),
        ("start_of_name", lambda array: array + 1),
        ("start_of_name", lambda array: array.reshape(1, -1)),
        ("words", lambda array: array[::-1]),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_refused(name: str, forged: Callable[[Array], Array]) -> None:
    arrays = unseal(storage.pack(build_index(FILMS)))
    forgery = seal({**arrays, name: forged(arrays[name])})

    with pytest.raises(ValueError, match=r"of the search index is inconsistent"):
        storage.unpack(forgery)


def test_a_change_of_the_stored_arrays_needs_a_new_layout() -> None:
    postings = build_index(FILMS).postings
    kept = [array.tobytes() for array in postings.stream]

    fingerprint = zlib.crc32(b"".join([*kept, "\n".join(postings.vocabulary.words).encode()]))

    assert (storage.LAYOUT, fingerprint) == (3, FINGERPRINT)
