"""The model store: one folder per artifact, in any file system that fsspec supports."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO, Literal

import fsspec

from server.backend.config import without_password
from server.command_errors import SettingsError

OpenStoredFile = Callable[[str, Literal["rb", "wb"]], AbstractContextManager[BinaryIO]]
"""Opens a file of one artifact by its name."""


class ModelStore:
    """Artifacts by name. A listed artifact is complete: it is written under another name, then renamed."""

    def __init__(self, url: str) -> None:
        try:
            self.file_system, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            shown = without_password(url)
            # A library may repeat a part of the URL in its message.
            reason = error if shown == url else type(error).__name__
            raise SettingsError(f"MATINEE_MODEL_STORE {shown!r} cannot be opened: {reason}") from None

    def check(self) -> None:
        """Create the store if it does not exist. Raises `SettingsError` if it cannot be used."""
        try:
            self.file_system.makedirs(self.root, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"MATINEE_MODEL_STORE {self.root!r} cannot be used: {error.strerror or error}."
            ) from None

    def opener(self, name: str) -> OpenStoredFile:
        """Return a function ``(file name, mode) -> open file`` for the files of one artifact."""
        return lambda file_name, mode: self.file_system.open(f"{self.root}/{name}/{file_name}", mode)

    @contextmanager
    def publish(self, label: str) -> Iterator[tuple[str, OpenStoredFile]]:
        """Write a new artifact: yield its name and an opener for its files.

        The artifact gets its name when the block succeeds. If the block fails, nothing is left behind.
        """
        name = f"{label}-{secrets.token_hex(4)}"
        partial = f"{self.root}/.partial-{name}"
        self.file_system.makedirs(partial, exist_ok=True)
        try:
            yield name, lambda file_name, mode: self.file_system.open(f"{partial}/{file_name}", mode)
            self.file_system.mv(partial, f"{self.root}/{name}", recursive=True)
        except BaseException:
            self._remove(partial)
            raise

    def size_bytes(self, name: str) -> int:
        """Return the size of an artifact in bytes."""
        return int(self.file_system.du(f"{self.root}/{name}"))

    def list_names(self) -> list[str]:
        """List the names of all artifacts, partially written ones included."""
        if not self.file_system.isdir(self.root):
            return []
        paths = self.file_system.ls(self.root, detail=False, refresh=True)
        return sorted(path.rstrip("/").rsplit("/", 1)[-1] for path in paths)

    def remove(self, name: str) -> None:
        """Delete an artifact if it exists."""
        self._remove(f"{self.root}/{name}")

    def _remove(self, path: str) -> None:
        if self.file_system.isdir(path):
            self.file_system.rm(path, recursive=True)
