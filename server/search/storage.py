"""The index as bytes, so that a catalogue is indexed once and not by every process at every start."""

import io
import zipfile

import numpy as np

from server.search.index import SearchIndex
from server.search.postings import Stream, lay_out

LAYOUT = 2
"""Increase it with every change of the stored arrays or of how names become words."""


def pack(index: SearchIndex) -> bytes:
    """Serialize everything but the popularity, which changes with every rating."""
    words = np.frombuffer("\n".join(index.postings.vocabulary.words).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, movie_ids=index.movie_ids, words=words, **index.postings.stream._asdict())
    return content.getvalue()


def unpack(content: bytes) -> SearchIndex:
    """Return the index that `pack` has serialized, with a popularity of 0 for all movies.

    Raise `ValueError` if the bytes are not an index of this `LAYOUT`.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            movie_ids = kept["movie_ids"]
            words = kept["words"].tobytes().decode().split("\n")
            stream = Stream(*(kept[name] for name in Stream._fields))
    except (zipfile.BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
        raise ValueError("The bytes are not a search index.") from error
    postings = lay_out(words, stream, n_movies=movie_ids.size)
    return SearchIndex(movie_ids, postings, np.zeros_like(movie_ids))
