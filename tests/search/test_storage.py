"""The index is serialized and read again."""

import zlib

import pytest

from server.search import storage
from server.search.index import build_index
from tests.search.conftest import FILMS

QUERIES = ["matrix", "the lord", "thriler 1995", "monty pythons the meaning", "comedy 80s", "12 monkeys", "l'avventura"]

FINGERPRINT = 3230492623
"""Checksum of the stored arrays of FILMS in layout 2."""


def test_a_loaded_index_finds_the_same() -> None:
    index = build_index(FILMS)

    again = storage.unpack(storage.pack(index)).with_popularity({film.movie_id: film.popularity for film in FILMS})

    for query in QUERIES:
        assert again.search(query).movie_ids.tolist() == index.search(query).movie_ids.tolist()


def test_a_loaded_index_takes_the_given_popularity() -> None:
    stored = storage.unpack(storage.pack(build_index(FILMS)))

    assert stored.with_popularity({1200: 1, 1214: 0}).search("alie").movie_ids.tolist() == [1200, 1214]
    assert stored.with_popularity({1200: 0, 1214: 1}).search("alie").movie_ids.tolist() == [1214, 1200]


def test_an_empty_index_can_be_stored() -> None:
    assert len(storage.unpack(storage.pack(build_index([])))) == 0


@pytest.mark.parametrize("content", [b"", b"PK", b"no index", storage.pack(build_index(FILMS))[:-40]])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a search index"):
        storage.unpack(content)


def test_a_change_of_the_stored_arrays_needs_a_new_layout() -> None:
    postings = build_index(FILMS).postings
    kept = [array.tobytes() for array in postings.stream]

    fingerprint = zlib.crc32(b"".join([*kept, "\n".join(postings.vocabulary.words).encode()]))

    assert (storage.LAYOUT, fingerprint) == (2, FINGERPRINT)
