"""An index as bytes: a catalogue is read into one once, not by every process at every start."""

import io
import zipfile

import numpy as np

from server.search.index import SearchIndex
from server.search.postings import Stream, lay_out

LAYOUT = 1
"""To be raised by whoever changes what is kept, or how names become words."""


def pack(index: SearchIndex) -> bytes:
    """Write all but the popularity, which changes with every rating."""
    words = np.frombuffer("\n".join(index.postings.vocabulary.words).encode(), dtype=np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, movie_ids=index.movie_ids, words=words, **index.postings.stream._asdict())
    return content.getvalue()


def unpack(content: bytes) -> SearchIndex:
    """Read what `pack` has written, of this very `LAYOUT`; nobody has rated anything.

    Raises `ValueError` for anything else.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            movie_ids = kept["movie_ids"]
            words = kept["words"].tobytes().decode().split("\n")
            stream = Stream(*(kept[name] for name in Stream._fields))
    except (zipfile.BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
        raise ValueError("These bytes are no search index.") from error
    postings = lay_out(words, stream, n_movies=movie_ids.size)
    return SearchIndex(movie_ids, postings, np.zeros_like(movie_ids))
