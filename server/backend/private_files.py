"""Files that only their owner may read: they hold password hashes."""

import os
from contextlib import suppress
from pathlib import Path

OWNER_ONLY = 0o600


def create_private_file(path: Path) -> None:
    """Create an empty file that only its owner may read and write. Leave an existing file alone.

    An existing file must not even be opened: closing it would drop the locks that SQLite holds on it in this process.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))
