"""Files and folders that only their owner may read."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

OWNER_ONLY = 0o600


def create_private_file(path: Path) -> None:
    """Create an empty file that only its owner may read and write. Leave an existing file alone.

    An existing file must not even be opened: closing it would drop the locks that SQLite holds on it in this process.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))


def private_cache_folder(key: str) -> Path:
    """Return a folder for copies of remote files, which only its owner may use; the same for the same key.

    It is in the folder for temporary files, which the variable TMPDIR sets. Raises `PermissionError` if the folder
    belongs to another user.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"matinee-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    return folder
